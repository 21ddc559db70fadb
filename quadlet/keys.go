package quadlet

// ValueKind is how the value of a key is read.
type ValueKind string

// The ways a value is read. An empty assignment begins a list, words, args or
// pairs anew.
const (
	String   ValueKind = "text"           // the last line counts
	Bool     ValueKind = "yes or no"      // 1, yes, true, on; 0, no, false, off
	List     ValueKind = "list"           // one value a line
	Words    ValueKind = "words"          // split at blanks, quotes taken off
	Args     ValueKind = "arguments"      // split as a command line
	LastArgs ValueKind = "command"        // the last line, split as a command line
	Pairs    ValueKind = "NAME=VALUE"     // split as a command line; the last value of a name counts
	Owner    ValueKind = "name or number" // a user or group of the host
)

// Key is one key of a section that is not systemd's.
type Key struct {
	Section, Name string
	Value         ValueKind
	// Option is what the key stands for on the command line. The value follows
	// as an argument of its own, or ends the last word where that ends in "=".
	Option string
	Means  string
	// put adds the arguments where that takes more than reading the value; it
	// is put where the key stands in the table.
	put func(*conversion, Key)
}

// Keys is the table of all keys. Within a section, their arguments stand in
// this order.
func Keys() []Key {
	var all []Key
	for _, section := range [][]Key{containerKeys(), podKeys(), kubeKeys(), networkKeys(), volumeKeys(), imageKeys(), buildKeys(), artifactKeys()} {
		all = append(all, section...)
	}
	return append(all, Key{"Quadlet", "DefaultDependencies", Bool, "", "whether the unit waits for the network to be up (default yes)", elsewhere})
}

// elsewhere is for keys whose place is not between the options: the function of
// the kind reads them.
func elsewhere(*conversion, Key) {}

// common are the keys every kind has.
func common(section, command string) []Key {
	return []Key{
		{section, "ServiceName", String, "", "name the service NAME.service", elsewhere},
		{section, "GlobalArgs", Args, "", "arguments before " + command + ", as they are", elsewhere},
		{section, "ContainersConfModule", List, "--module=", "a module of containers.conf to load", elsewhere},
		{section, "PodmanArgs", Args, "", "arguments after all other options, as they are", elsewhere},
	}
}

func containerKeys() []Key {
	const s = "Container"
	var all []Key
	for _, part := range [][]Key{common(s, "run"), containerRunKeys(), containerHostKeys(), containerSafetyKeys(), remapKeys(s), containerDataKeys(), containerHealthKeys()} {
		all = append(all, part...)
	}
	return append(all, []Key{
		{s, "Image", String, "", "the image, an .image or a .build unit", elsewhere},
		{s, "Rootfs", String, "--rootfs", "a folder that is the root file system, in place of an image", elsewhere},
		{s, "Exec", LastArgs, "", "arguments after the image", elsewhere},
		{s, "ReloadCmd", LastArgs, "", "a reload runs this command inside (exec)", elsewhere},
		{s, "ReloadSignal", String, "", "a reload sends this signal (kill --signal)", elsewhere},
	}...)
}

// containerRunKeys say what runs, and how it is started and ended.
func containerRunKeys() []Key {
	const s = "Container"
	return []Key{
		{s, "ContainerName", String, "--name", "the container's name (default systemd-%N)", elsewhere},
		{s, "CgroupsMode", String, "--cgroups=", "the cgroups the container gets (default split)", (*conversion).cgroups},
		{s, "Network", List, "--network", "a network, a .network unit, or a .container unit whose network is joined", (*conversion).networks},
		{s, "Notify", Bool, "--sdnotify=container", "who says that the container is up: the container itself (yes), its health check (healthy), or its start (no)", (*conversion).notify},
		{s, "Pod", String, "--pod", "the .pod unit the container is in", (*conversion).joinPod},
		{s, "StartWithPod", Bool, "", "whether the pod's start starts the container (default yes)", elsewhere},
		{s, "Timezone", String, "--tz", "time zone, or local", nil},
		{s, "PidsLimit", String, "--pids-limit", "the most processes", nil},
		{s, "Memory", String, "--memory", "the most memory", nil},
		{s, "ShmSize", String, "--shm-size", "size of /dev/shm", nil},
		{s, "Entrypoint", String, "--entrypoint=", "the program run in place of the image's", (*conversion).entrypoint},
		{s, "WorkingDir", String, "--workdir", "folder the program starts in", nil},
		{s, "IP", String, "--ip", "the IPv4 address", nil},
		{s, "IP6", String, "--ip6", "the IPv6 address", nil},
		{s, "HostName", String, "--hostname", "the host name inside", nil},
		{s, "StopSignal", String, "--stop-signal", "the signal that asks the container to end", nil},
		{s, "StopTimeout", String, "--stop-timeout", "seconds it is given for that", nil},
		{s, "Pull", String, "--pull", "when to pull the image", nil},
		{s, "Retry", String, "--retry", "how often a pull is tried again", nil},
		{s, "RetryDelay", String, "--retry-delay", "how long to wait in between", nil},
		{s, "ImageVolume", String, "--image-volume", "what becomes of the volumes the image names", nil},
		{s, "LogDriver", String, "--log-driver", "where output goes", nil},
		{s, "LogOpt", Words, "--log-opt", "an option of the log driver: path, max-size, tag, label", nil},
	}
}

// containerHostKeys say what the container sees of network and host.
func containerHostKeys() []Key {
	const s = "Container"
	return []Key{
		{s, "NetworkAlias", List, "--network-alias", "another name on the network", nil},
		{s, "Ulimit", List, "--ulimit", "a limit of resources", nil},
		{s, "DNS", List, "--dns", "a name server", nil},
		{s, "DNSOption", List, "--dns-option", "an option of the resolver", nil},
		{s, "DNSSearch", List, "--dns-search", "a domain to search", nil},
		{s, "GroupAdd", List, "--group-add", "another group of the program", nil},
		{s, "AddHost", List, "--add-host", "a line of /etc/hosts", nil},
		{s, "Tmpfs", List, "--tmpfs", "a tmpfs to mount", nil},
		{s, "RunInit", Bool, "--init", "whether an init process reaps children and passes signals on", nil},
		{s, "EnvironmentHost", Bool, "--env-host", "whether the host's environment is passed in", nil},
		{s, "HttpProxy", Bool, "--http-proxy", "whether the host's proxy settings are passed in", nil},
	}
}

// containerSafetyKeys say what it may do.
func containerSafetyKeys() []Key {
	const s = "Container"
	return []Key{
		{s, "NoNewPrivileges", Bool, "--security-opt=no-new-privileges", "whether processes are kept from gaining privileges", nil},
		{s, "SecurityLabelDisable", Bool, "--security-opt label=disable", "whether SELinux separation is off", nil},
		{s, "SecurityLabelNested", Bool, "--security-opt label=nested", "whether SELinux labels work inside", nil},
		{s, "SecurityLabelType", String, "--security-opt label=type:", "SELinux type of the processes", nil},
		{s, "SecurityLabelFileType", String, "--security-opt label=filetype:", "SELinux type of the files", nil},
		{s, "SecurityLabelLevel", String, "--security-opt label=level:", "SELinux level of the processes", nil},
		{s, "AppArmor", String, "--security-opt apparmor=", "AppArmor profile, or unconfined", nil},
		{s, "SeccompProfile", String, "--security-opt seccomp=", "seccomp profile, or unconfined", nil},
		{s, "Mask", Args, "--security-opt mask=", "paths hidden from the container, parted by colons", nil},
		{s, "Unmask", Args, "--security-opt unmask=", "paths shown to the container that usually are not, or ALL", nil},
		{s, "AddDevice", Words, "--device=", "a device of the host; with a leading - only if it is there", (*conversion).devices},
		{s, "DropCapability", Words, "--cap-drop", "a capability to take away, or all", (*conversion).lowered},
		{s, "AddCapability", Words, "--cap-add", "a capability to give", (*conversion).lowered},
		{s, "Sysctl", Words, "--sysctl", "a kernel parameter of the container's namespaces", nil},
		{s, "ReadOnly", Bool, "--read-only", "whether the root file system is read-only", nil},
		{s, "ReadOnlyTmpfs", Bool, "--read-only-tmpfs", "whether a read-only container has tmpfs on /dev, /dev/shm, /run, /tmp and /var/tmp", nil},
		{s, "VolatileTmp", Bool, "--tmpfs /tmp:rw,size=512M,mode=1777", "whether /tmp is a tmpfs; a read-only container has one anyway", (*conversion).volatileTmp},
		{s, "User", String, "--user", "user of the program, name or number", (*conversion).user},
		{s, "Group", String, "--user", "group of the program; takes User=", elsewhere},
		{s, "Umask", String, "--umask", "umask of the program, octal", nil},
		{s, "UserNS", String, "--userns", "the user namespace", nil},
		{s, "UIDMap", Words, "--uidmap", "a mapping of user ids", nil},
		{s, "GIDMap", Words, "--gidmap", "a mapping of group ids", nil},
		{s, "SubUIDMap", String, "--subuidname", "name in /etc/subuid", nil},
		{s, "SubGIDMap", String, "--subgidname", "name in /etc/subgid", nil},
	}
}

// containerDataKeys say what it is given.
func containerDataKeys() []Key {
	const s = "Container"
	return []Key{
		{s, "Volume", List, "-v", "a volume, a folder of the host (./ is beside the unit), or a .volume unit", (*conversion).volumes},
		{s, "Mount", Args, "--mount", "a mount of any type; its source may be a .volume, .image, .build or .artifact unit", (*conversion).mounts},
		{s, "AutoUpdate", String, "--label io.containers.autoupdate=", "whether and from where auto-update takes a new image: registry or local", nil},
		{s, "PublishPort", List, "--publish", "a port published on the host", nil},
		{s, "ExposeHostPort", List, "--expose", "a port, or a range, to expose", nil},
		{s, "Environment", Pairs, "--env", "a variable of the environment", nil},
		{s, "EnvironmentFile", Args, "--env-file", "a file of variables, relative to the unit; with a leading - it may be missing", (*conversion).envFiles},
		{s, "Label", Pairs, "--label", "a label of the container", nil},
		{s, "Annotation", Pairs, "--annotation", "an annotation of the container", nil},
		{s, "Secret", Args, "--secret", "a secret, as a file or a variable", nil},
	}
}

// containerHealthKeys say how it is known to be well.
func containerHealthKeys() []Key {
	const s = "Container"
	return []Key{
		{s, "HealthCmd", String, "--health-cmd", "the health check's command, or none", nil},
		{s, "HealthInterval", String, "--health-interval", "time between health checks, or disable", nil},
		{s, "HealthOnFailure", String, "--health-on-failure", "what happens to an unhealthy container", nil},
		{s, "HealthLogDestination", String, "--health-log-destination", "where health checks are logged", nil},
		{s, "HealthMaxLogCount", String, "--health-max-log-count", "how many are kept in the log", nil},
		{s, "HealthMaxLogSize", String, "--health-max-log-size", "how many characters of each", nil},
		{s, "HealthRetries", String, "--health-retries", "failures in a row that make it unhealthy", nil},
		{s, "HealthStartPeriod", String, "--health-start-period", "time it has to come up", nil},
		{s, "HealthStartupCmd", String, "--health-startup-cmd", "the command that says it came up", nil},
		{s, "HealthStartupInterval", String, "--health-startup-interval", "time between its calls", nil},
		{s, "HealthStartupRetries", String, "--health-startup-retries", "failures after which the container is restarted", nil},
		{s, "HealthStartupSuccess", String, "--health-startup-success", "successes after which the health check begins", nil},
		{s, "HealthStartupTimeout", String, "--health-startup-timeout", "the longest it may take", nil},
		{s, "HealthTimeout", String, "--health-timeout", "the longest a health check may take", nil},
	}
}

// remapKeys are those that UserNS= and its kin have replaced.
func remapKeys(s string) []Key {
	return []Key{
		{s, "RemapUsers", String, "--userns", "older words for UserNS=: auto, keep-id, or manual", (*conversion).remap},
		{s, "RemapUid", Words, "", "with RemapUsers=: user ids", elsewhere},
		{s, "RemapGid", Words, "", "with RemapUsers=: group ids", elsewhere},
		{s, "RemapUidSize", String, "", "with RemapUsers=auto: how many ids", elsewhere},
	}
}

func podKeys() []Key {
	const s = "Pod"
	return append(common(s, "pod create"), append([]Key{
		{s, "PodName", String, "--name", "the pod's name (default systemd-NAME)", elsewhere},
		{s, "ExitPolicy", String, "--exit-policy", "what becomes of the pod when its last container ends (default stop)", elsewhere},
		{s, "StopTimeout", String, "--time=", "seconds the containers are given to end (default 10)", elsewhere},
		{s, "UserNS", String, "--userns", "the user namespace", nil},
		{s, "UIDMap", Words, "--uidmap", "a mapping of user ids", nil},
		{s, "GIDMap", Words, "--gidmap", "a mapping of group ids", nil},
		{s, "SubUIDMap", String, "--subuidname", "name in /etc/subuid", nil},
		{s, "SubGIDMap", String, "--subgidname", "name in /etc/subgid", nil},
	}, append(remapKeys(s), []Key{
		{s, "PublishPort", List, "--publish", "a port published on the host", nil},
		{s, "Network", List, "--network", "a network, or a .network unit", (*conversion).networks},
		{s, "NetworkAlias", List, "--network-alias", "another name on the network", nil},
		{s, "IP", String, "--ip", "the IPv4 address", nil},
		{s, "IP6", String, "--ip6", "the IPv6 address", nil},
		{s, "HostName", List, "--hostname", "the host name inside", nil},
		{s, "AddHost", List, "--add-host", "a line of /etc/hosts", nil},
		{s, "DNS", List, "--dns", "a name server", nil},
		{s, "DNSOption", List, "--dns-option", "an option of the resolver", nil},
		{s, "DNSSearch", List, "--dns-search", "a domain to search", nil},
		{s, "Volume", List, "-v", "a volume, a folder of the host (./ is beside the unit), or a .volume unit", (*conversion).volumes},
		{s, "ShmSize", String, "--shm-size", "size of /dev/shm", nil},
		{s, "Label", Pairs, "--label", "a label of the pod", nil},
	}...)...)...)
}

func kubeKeys() []Key {
	const s = "Kube"
	return append(common(s, "kube play"), append([]Key{
		{s, "Yaml", Words, "", "files of Kubernetes objects, relative to the unit", elsewhere},
		{s, "SetWorkingDirectory", String, "", "the folder relative paths of the YAML start at: yaml or unit", elsewhere},
		{s, "ExitCodePropagation", String, "--service-exit-code-propagation", "when the service fails: none (default), any or all of its containers failed", (*conversion).exitCodes},
		{s, "LogDriver", String, "--log-driver", "where output goes", nil},
		{s, "LogOpt", Words, "--log-opt", "an option of the log driver: path, max-size, tag, label", nil},
		{s, "UserNS", String, "--userns", "the users of the pods: host, auto, keep-id", nil},
	}, append(remapKeys(s), []Key{
		{s, "Network", List, "--network", "a network, or a .network unit", (*conversion).networks},
		{s, "AutoUpdate", Words, "--annotation=io.containers.autoupdate=", "whether auto-update takes new images: registry or local, for one container with NAME/ before it", (*conversion).autoUpdates},
		{s, "ConfigMap", Words, "--configmap", "a file with a ConfigMap, relative to the unit", (*conversion).configMaps},
		{s, "PublishPort", List, "--publish", "a port published on the host", nil},
		{s, "KubeDownForce", Bool, "--force", "whether a stop removes volumes, too", elsewhere},
	}...)...)...)
}

func networkKeys() []Key {
	const s = "Network"
	return append(common(s, "network create"), []Key{
		{s, "NetworkName", String, "", "the network's name (default systemd-NAME)", elsewhere},
		{s, "NetworkDeleteOnStop", Bool, "", "whether a stop removes the network (network rm)", elsewhere},
		{s, "DisableDNS", Bool, "--disable-dns", "whether containers find each other by name no longer", nil},
		{s, "DNS", List, "--dns", "a name server", nil},
		{s, "Driver", String, "--driver", "bridge, macvlan or ipvlan", nil},
		{s, "Subnet", List, "--subnet", "a subnet; Gateway= and IPRange= belong to them in order", (*conversion).subnets},
		{s, "Gateway", List, "--gateway", "the gateway of a subnet", elsewhere},
		{s, "IPRange", List, "--ip-range", "addresses of a subnet to give out", elsewhere},
		{s, "IPAMDriver", String, "--ipam-driver", "who gives addresses out: host-local, dhcp or none", nil},
		{s, "IPv6", Bool, "--ipv6", "whether there is IPv6, too", nil},
		{s, "Internal", Bool, "--internal", "whether the outside is out of reach", nil},
		{s, "InterfaceName", String, "--interface-name", "the host's interface", nil},
		{s, "Options", Pairs, "--opt", "an option of the driver", nil},
		{s, "Label", Pairs, "--label", "a label of the network", nil},
	}...)
}

func volumeKeys() []Key {
	const s = "Volume"
	return append(common(s, "volume create"), []Key{
		{s, "VolumeName", String, "", "the volume's name (default systemd-NAME)", elsewhere},
		{s, "Driver", String, "--driver", "the volume's driver; image takes Image=", (*conversion).volumeDriver},
		{s, "Image", String, "--opt image=", "the image a volume of the driver image is made from, an .image or a .build unit", elsewhere},
		{s, "User", Owner, "--opt o=uid=", "the owner the volume is mounted with", elsewhere},
		{s, "Group", Owner, "--opt o=gid=", "the group it is mounted with", elsewhere},
		{s, "Copy", Bool, "--opt copy", "whether what the image has in its place is copied in (default yes)", elsewhere},
		{s, "Device", String, "--opt device=", "what is mounted", elsewhere},
		{s, "Type", String, "--opt type=", "its file system; takes Device=", elsewhere},
		{s, "Options", String, "--opt o=", "its mount options; takes Device=", elsewhere},
		{s, "UID", String, "--uid", "the user the volume's folder belongs to", nil},
		{s, "GID", String, "--gid", "the group the volume's folder belongs to", nil},
		{s, "Label", Pairs, "--label", "a label of the volume", nil},
	}...)
}

func imageKeys() []Key {
	const s = "Image"
	return append(common(s, "image pull"), []Key{
		{s, "Image", String, "", "the image to pull", elsewhere},
		{s, "ImageTag", String, "", "the name of the image in the archive that Image= names, by which other units use it", elsewhere},
		{s, "AllTags", Bool, "--all-tags", "whether all tags of the repository are pulled", nil},
		{s, "Arch", String, "--arch", "architecture, in place of the host's", nil},
		{s, "AuthFile", String, "--authfile", "file with registry credentials", nil},
		{s, "CertDir", String, "--cert-dir", "folder with the registry's certificates", nil},
		{s, "Creds", String, "--creds", "USER:PASSWORD for the registry, which all users of the host see in the service; prefer AuthFile=", nil},
		{s, "DecryptionKey", String, "--decryption-key", "key of an encrypted image", nil},
		{s, "OS", String, "--os", "operating system, in place of the host's", nil},
		{s, "Variant", String, "--variant", "variant of the architecture", nil},
		{s, "Policy", String, "--policy", "when to pull", nil},
		{s, "Retry", String, "--retry", "how often a pull is tried again", nil},
		{s, "RetryDelay", String, "--retry-delay", "how long to wait in between", nil},
		{s, "TLSVerify", Bool, "--tls-verify", "whether the registry must prove who it is", nil},
	}...)
}

func buildKeys() []Key {
	const s = "Build"
	return append(common(s, "build"), []Key{
		{s, "ImageTag", List, "--tag", "a name of the image; other units use the first", nil},
		{s, "Arch", String, "--arch", "architecture, in place of the host's", nil},
		{s, "AuthFile", String, "--authfile", "file with registry credentials", nil},
		{s, "IgnoreFile", String, "--ignorefile", "another .containerignore", nil},
		{s, "Target", String, "--target", "the stage to build", nil},
		{s, "Variant", String, "--variant", "variant of the architecture", nil},
		{s, "Retry", String, "--retry", "how often a pull is tried again", nil},
		{s, "RetryDelay", String, "--retry-delay", "how long to wait in between", nil},
		{s, "TLSVerify", Bool, "--tls-verify", "whether registries must prove who they are", nil},
		{s, "ForceRM", Bool, "--force-rm", "whether intermediate containers are always removed", nil},
		{s, "DNS", List, "--dns", "a name server", nil},
		{s, "DNSOption", List, "--dns-option", "an option of the resolver", nil},
		{s, "DNSSearch", List, "--dns-search", "a domain to search", nil},
		{s, "GroupAdd", List, "--group-add", "another group of RUN's programs", nil},
		{s, "Annotation", Pairs, "--annotation", "an annotation of the image", nil},
		{s, "Environment", Pairs, "--env", "a variable of the image's environment", nil},
		{s, "BuildArg", Pairs, "--build-arg", "an argument of the build", nil},
		{s, "Label", Pairs, "--label", "a label of the image", nil},
		{s, "Network", List, "--network", "the network of RUN, or a .network unit", (*conversion).networks},
		{s, "Secret", Args, "--secret", "a secret of the build", nil},
		{s, "Volume", List, "-v", "a volume of RUN, a folder of the host (./ is beside the unit), or a .volume unit", (*conversion).volumes},
		{s, "Pull", String, "--pull=", "when to pull images the build starts from", nil},
		{s, "File", String, "--file", "the Containerfile; a relative path takes SetWorkingDirectory=", elsewhere},
		{s, "SetWorkingDirectory", String, "", "the build's context: file, unit, a path or a URL", elsewhere},
	}...)
}

func artifactKeys() []Key {
	const s = "Artifact"
	return append(common(s, "artifact pull"), []Key{
		{s, "Artifact", String, "", "the artifact to pull", elsewhere},
		{s, "AuthFile", String, "--authfile", "file with registry credentials", nil},
		{s, "CertDir", String, "--cert-dir", "folder with the registry's certificates", nil},
		{s, "Creds", String, "--creds", "USER:PASSWORD for the registry, which all users of the host see in the service; prefer AuthFile=", nil},
		{s, "DecryptionKey", String, "--decryption-key", "key of an encrypted artifact", nil},
		{s, "Quiet", Bool, "--quiet", "whether the pull prints nothing", nil},
		{s, "Retry", String, "--retry", "how often a pull is tried again", nil},
		{s, "RetryDelay", String, "--retry-delay", "how long to wait in between", nil},
		{s, "TLSVerify", Bool, "--tls-verify", "whether the registry must prove who it is", nil},
	}...)
}
