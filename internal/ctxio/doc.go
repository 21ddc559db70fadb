// Package ctxio has long copies end with their context.
package ctxio
