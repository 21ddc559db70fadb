// Package ociarchive writes container images as OCI archives with nothing but
// tar and JSON: for the demo and the tests, which must make their images where
// there is no registry and no build tool.
//
// It writes what it is given, byte for byte the same each time: no clock, no
// user names, files in the order given. It does not read images, and it is no
// part of berth's own way of handling them, which is engine/image.
//
// Start reading at Write.
package ociarchive
