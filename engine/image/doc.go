// Package image keeps images and the root file systems made from them, in the
// host's ordinary containers/storage, by way of containers/image. buildah,
// podman and skopeo see the same images, and the container record that storage
// keeps for each root file system tells them which are in use.
//
// It says nothing about when to pull again after a failure, runs nothing, and
// builds no images.
//
// Configuration is the host's: storage.conf, registries.conf, policy.json,
// auth.json and certs.d mean what they always mean. Two of them may be missing
// (a bare Debian has neither):
//
//   - no policy.json anywhere: every image is accepted, said once in the log;
//   - no registries.conf anywhere: a short name that is not an alias stands
//     for docker.io, as it does in Kubernetes. One that exists is obeyed, also
//     where it names no registry to search. Short names never prompt; where
//     the mode is "enforcing", one with several candidates is refused.
//
// Invariants:
//   - storage is opened at first use, and its locks are host-wide: nothing
//     that takes long (the network, unpacking an archive) happens under them;
//   - one pull of an image at a time in this process, however many ask, and
//     at most maxPulls at all;
//   - whatever is written outside storage lies in a scratch folder that is
//     locked by its process, removed with the operation, and swept by the
//     next one when its process was killed;
//   - a pull that fails or is cancelled leaves no image, no name and no
//     incomplete layer. Complete layers stay for the next try; Prune removes
//     those nobody came back for.
//
// Start reading at Store, then Ensure (how an image gets here), source (where
// from) and CreateRootfs (what a container stands on).
package image
