// Package cluster sends Kubernetes objects to the API server of a real cluster,
// by server-side apply: the server merges what it is sent with what others have
// set, and says what it refuses.
//
// It knows kubeconfig files, how the kinds berth runs are called in a URL, and
// nothing else: no discovery, no cache, no typed client, all of which would cost
// every other command its start-up time. Start reading at Connect, then Apply.
package cluster
