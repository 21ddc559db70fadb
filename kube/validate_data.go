package kube

import (
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func checkConfigMap(c *check, o *Object) {
	c.metadata(c.subdomain)
	m, top := o.ConfigMap, (*path)(nil)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		size += len(m.Data[key])
		c.dataKey(top.field("data").key(key), key)
		if _, twice := m.BinaryData[key]; twice {
			c.bad(top.field("binaryData").key(key), "%s is a key of data too", quote(key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.BinaryData)) {
		size += len(m.BinaryData[key])
		c.dataKey(top.field("binaryData").key(key), key)
	}
	c.dataSize(top.field("data"), size)
}

// dataKey checks a key of a ConfigMap or Secret, which may become a file name.
func (c *check) dataKey(at *path, key string) {
	if len(validation.IsConfigMapKey(key)) > 0 {
		c.bad(at, `%s is not a valid key: want letters, digits, "-", "_" and ".", at most 253 characters, not beginning with ".."`, quote(key))
	}
}

func (c *check) dataSize(at *path, size int) {
	if size > maxObjectData {
		c.bad(at, "%d bytes are too many: at most %d (1 MiB) in all", size, maxObjectData)
	}
}

func checkSecret(c *check, o *Object) {
	c.metadata(c.subdomain)
	s, data := o.Secret, (*path)(nil).field("data")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		size += len(s.Data[key])
		at := data.key(key)
		if o.Fields.root != nil && c.wroteStringData(key) {
			at = (*path)(nil).field("stringData").key(key)
		}
		c.dataKey(at, key)
	}
	c.dataSize(data, size)
	c.secretType(data, s)
}

func (c *check) wroteStringData(key string) bool {
	e, ok := c.object.Fields.root.get("stringData")
	if ok {
		_, ok = e.value.get(key)
	}
	return ok
}

// secretType checks that a Secret holds the keys its type promises.
func (c *check) secretType(data *path, s *corev1.Secret) {
	need := func(keys ...string) {
		for _, key := range keys {
			if _, ok := s.Data[key]; !ok {
				c.missing(data.key(key), "a Secret of type "+string(s.Type)+" has it")
			}
		}
	}
	valid := func(key string) {
		need(key)
		if value, ok := s.Data[key]; ok && !json.Valid(value) {
			c.bad(data.key(key), "is not valid JSON")
		}
	}
	switch s.Type {
	case corev1.SecretTypeTLS:
		need(corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	case corev1.SecretTypeSSHAuth:
		need(corev1.SSHAuthPrivateKey)
	case corev1.SecretTypeDockerConfigJson:
		valid(corev1.DockerConfigJsonKey)
	case corev1.SecretTypeDockercfg:
		valid(corev1.DockerConfigKey)
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			c.missing(data.key(corev1.BasicAuthUsernameKey), "a Secret of type "+string(s.Type)+" has it or password")
		}
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			c.missing((*path)(nil).field("metadata").field("annotations").key(corev1.ServiceAccountNameKey), "a Secret of type "+string(s.Type)+" has it")
		}
	}
}

func checkClaim(c *check, o *Object) {
	c.metadata(c.subdomain)
	spec, at := &o.PersistentVolumeClaim.Spec, (*path)(nil).field("spec")
	modes := at.field("accessModes")
	if len(spec.AccessModes) == 0 {
		c.missing(modes, "want one of ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod")
	}
	for i, mode := range spec.AccessModes {
		oneOf(c, modes.at(i), mode, corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod)
		if mode == corev1.ReadWriteOncePod && len(spec.AccessModes) > 1 {
			c.bad(modes.at(i), "ReadWriteOncePod stands alone")
		}
	}
	storage, ok := spec.Resources.Requests[corev1.ResourceStorage]
	request := at.field("resources").field("requests").key(string(corev1.ResourceStorage))
	switch {
	case !ok:
		c.missing(request, "say how much storage is wanted, such as 1Gi")
	case storage.Sign() <= 0:
		c.bad(request, "%s is not more than zero", storage.String())
	}
	if limit, limited := spec.Resources.Limits[corev1.ResourceStorage]; limited && ok && storage.Cmp(limit) > 0 {
		c.bad(request, "%s is more than the limit %s", storage.String(), limit.String())
	}
	if spec.StorageClassName != nil && *spec.StorageClassName != "" {
		c.subdomain(at.field("storageClassName"), *spec.StorageClassName)
	}
}
