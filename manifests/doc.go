// Package manifests is where desired state comes from: folders that are
// watched, files, standard input and URLs that are read once, and the store of
// what kube play was given.
//
// A source always hands over its full set, never a change, and remembers which
// file said what. What an object means is not its business (kube decodes,
// translate translates), nor what runs (reconciler).
//
// Invariants:
//
//   - What cannot be read is unknown, never empty: a folder that is gone, a
//     subfolder without permission, a broken file. Objects last read from there
//     stay in the set; if there are none, the owner is listed as Unknown.
//   - A file counts as a whole: with an error anywhere in it, all its last good
//     objects stay.
//   - Sizes, depths, numbers of files and times are bounded; only regular files
//     are read from folders, so that no fifo can hold us up.
//   - Nothing is handed over when nothing changed.
//
// Start reading at Folder, then tree, which folder and Store share.
package manifests
