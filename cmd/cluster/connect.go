package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// answerTime limits one request: a server may ask webhooks, which have 30 s.
const answerTime = time.Minute

// Options say which cluster is meant and who asks.
type Options struct {
	Kubeconfig string // a file; empty: $KUBECONFIG, else ~/.kube/config
	Context    string // of the file; empty: its current one
	Namespace  string // of objects that name none; empty: the context's
	CAFile     string // checks the server instead of what the file says
	UserAgent  string
	Warnings   io.Writer // takes what the server warns of
}

// Client speaks to one cluster.
type Client struct {
	objects   dynamic.Interface
	namespace string
	host      string
}

// Connect reads the kubeconfig. It asks the server nothing.
func Connect(o Options) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{
		CurrentContext: o.Context,
		Context:        clientcmdapi.Context{Namespace: o.Namespace},
		ClusterInfo:    clientcmdapi.Cluster{CertificateAuthority: o.CAFile},
	}
	kubeconfig := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := kubeconfig.ClientConfig()
	if clientcmd.IsEmptyConfig(err) || err == nil && config.Host == "" {
		return nil, fmt.Errorf("no cluster is named: give --kubeconfig (looked in %v)", rules.GetLoadingPrecedence())
	}
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	namespace, _, err := kubeconfig.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	if o.CAFile != "" { // one in the file would win otherwise
		config.CAData = nil
	}
	config.UserAgent = o.UserAgent
	config.Timeout = answerTime
	config.QPS = -1 // a few objects, one after another: the server's own limits do
	config.WarningHandler = rest.NewWarningWriter(cmp.Or(o.Warnings, io.Discard), rest.WarningWriterOptions{Deduplicate: true})
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return &Client{objects: objects, namespace: namespace, host: config.Host}, nil
}

// ErrUnreachable is a server that gives no answer.
var ErrUnreachable = errors.New("the API server cannot be reached")
