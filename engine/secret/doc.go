// Package secret keeps the secrets that `secret create` makes: a name, some
// labels and up to half a megabyte of data. A container is given what one holds
// when it is made; what becomes of that is not known here.
//
// Each is one file of its own, which only root can read, so that it is there
// whole or not at all. Its ID follows from its name, and its file's name from
// the ID: no index is needed, and no lock.
//
// The Secrets of Kubernetes manifests are not kept here.
package secret
