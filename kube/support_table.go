package kube

import "slices"

// The support table: one row for each field of each Go struct of k8s.io/api
// that an object of ours is made of. Structs below a field that is refused or
// harmless have no rows. A test fails when a field has none, so that a field
// new in Kubernetes is decided about before it is accepted.

func objectRows() []row {
	return slices.Concat(
		honouredAll("TypeMeta", "kind apiVersion"),
		honouredAll("Pod", "metadata spec"), []row{written("Pod.status")},
		honouredAll("Deployment", "metadata spec"), []row{written("Deployment.status")},
		honouredAll("PersistentVolumeClaim", "metadata spec"), []row{written("PersistentVolumeClaim.status")},
		honouredAll("Namespace", "metadata"), []row{
			harmless("Namespace.spec", "a namespace is only a name here"),
			written("Namespace.status"),
		},
	)
}

func metadataRows() []row {
	return []row{
		honoured("ObjectMeta.name", ""),
		honoured("ObjectMeta.namespace", "empty means default"),
		honoured("ObjectMeta.labels", ""),
		honoured("ObjectMeta.annotations", ""),
		harmless("ObjectMeta.generateName", "an object needs a name of its own"),
		harmless("ObjectMeta.ownerReferences", "no controller collects it"),
		harmless("ObjectMeta.finalizers", "nothing waits for them"),
		written("ObjectMeta.selfLink"),
		written("ObjectMeta.uid"),
		written("ObjectMeta.resourceVersion"),
		written("ObjectMeta.generation"),
		written("ObjectMeta.creationTimestamp"),
		written("ObjectMeta.deletionTimestamp"),
		written("ObjectMeta.deletionGracePeriodSeconds"),
		written("ObjectMeta.managedFields"),
	}
}

func deploymentRows() []row {
	return []row{
		honoured("DeploymentSpec.replicas", "1 if not written"),
		honoured("DeploymentSpec.selector", ""),
		honoured("DeploymentSpec.template", ""),
		honoured("DeploymentSpec.strategy", ""),
		refused("DeploymentSpec.minReadySeconds", "").unless("0"),
		refused("DeploymentSpec.revisionHistoryLimit", "").unless("10"),
		refused("DeploymentSpec.paused", "").unless("false"),
		refused("DeploymentSpec.progressDeadlineSeconds", "").unless("600"),
		refused("DeploymentStrategy.type", "").unless("RollingUpdate"),
		honoured("DeploymentStrategy.rollingUpdate", ""),
		refused("RollingUpdateDeployment.maxUnavailable", "").unless("25%"),
		refused("RollingUpdateDeployment.maxSurge", "").unless("25%"),
		honoured("LabelSelector.matchLabels", ""),
		honoured("LabelSelector.matchExpressions", ""),
		honoured("LabelSelectorRequirement.key", ""),
		honoured("LabelSelectorRequirement.operator", ""),
		honoured("LabelSelectorRequirement.values", ""),
		honoured("PodTemplateSpec.metadata", "labels and annotations; the pod's name is made from the Deployment's"),
		honoured("PodTemplateSpec.spec", "as a Pod's"),
	}
}

func dataRows() []row {
	const immutable = "the file decides: a changed one is applied"
	return slices.Concat(
		honouredAll("ConfigMap", "metadata data binaryData"),
		honouredAll("Secret", "metadata data stringData type"),
		[]row{
			harmless("ConfigMap.immutable", immutable).unless("false"),
			harmless("Secret.immutable", immutable).unless("false"),
		},
	)
}

func claimRows() []row {
	return []row{
		harmless("PersistentVolumeClaimSpec.accessModes", "all pods of this host may use the volume"),
		harmless("PersistentVolumeClaimSpec.resources", "a volume's size is not limited"),
		harmless("PersistentVolumeClaimSpec.storageClassName", "volumes live on this host's disk"),
		harmless("PersistentVolumeClaimSpec.volumeAttributesClassName", "volumes live on this host's disk"),
		harmless("PersistentVolumeClaimSpec.selector", "there are no PersistentVolumes to select"),
		harmless("PersistentVolumeClaimSpec.volumeName", "there are no PersistentVolumes to name"),
		refused("PersistentVolumeClaimSpec.volumeMode", "").unless("Filesystem"),
		refused("PersistentVolumeClaimSpec.dataSource", "volumes begin empty"),
		refused("PersistentVolumeClaimSpec.dataSourceRef", "volumes begin empty"),
	}
}

func podRows() []row {
	const scheduler = "there is nothing to schedule"
	return slices.Concat(
		honouredAll("PodSpec", "volumes initContainers containers restartPolicy terminationGracePeriodSeconds dnsPolicy dnsConfig"),
		honouredAll("PodSpec", "hostNetwork hostPID hostIPC shareProcessNamespace securityContext hostname hostAliases os"),
		honouredAll("PodSpec", "activeDeadlineSeconds readinessGates"),
		[]row{
			harmless("PodSpec.nodeSelector", scheduler),
			harmless("PodSpec.nodeName", scheduler),
			harmless("PodSpec.affinity", scheduler),
			harmless("PodSpec.tolerations", scheduler),
			harmless("PodSpec.topologySpreadConstraints", scheduler),
			harmless("PodSpec.schedulerName", scheduler).unless("default-scheduler"),
			harmless("PodSpec.schedulingGates", scheduler),
			harmless("PodSpec.schedulingGroup", scheduler),
			honoured("PodSpec.priority", "the higher, the later the pod is stopped or evicted"),
			honoured("PodSpec.priorityClassName", "system-node-critical and system-cluster-critical; others need priority beside them"),
			harmless("PodSpec.preemptionPolicy", scheduler),
			harmless("PodSpec.evictionResponders", "nobody asks them"),
			harmless("PodSpec.serviceAccountName", "there is no API server to speak to").unless("default"),
			harmless("PodSpec.serviceAccount", "there is no API server to speak to").unless("default"),
			harmless("PodSpec.automountServiceAccountToken", "there is no token to mount").unless("false"),
			harmless("PodSpec.enableServiceLinks", "there are no Services").unless("false", "true"),
			refused("PodSpec.ephemeralContainers", ""),
			refused("PodSpec.imagePullSecrets", "log in on this host, or use --authfile"),
			refused("PodSpec.subdomain", "there are no Services"),
			refused("PodSpec.hostnameOverride", ""),
			refused("PodSpec.setHostnameAsFQDN", "").unless("false"),
			refused("PodSpec.runtimeClassName", ""),
			refused("PodSpec.overhead", ""),
			honoured("PodSpec.hostUsers", "false: users of its own, of those that /etc/subuid gives to the name containers; takes crun"),
			refused("PodSpec.resourceClaims", ""),
			refused("PodSpec.resources", "limits belong to containers"),
			refused("PodOS.name", "").unless("linux"),
		},
		honouredAll("PodReadinessGate", "conditionType"),
		honouredAll("HostAlias", "ip hostnames"),
		honouredAll("PodDNSConfig", "nameservers searches options"),
		honouredAll("PodDNSConfigOption", "name value"),
	)
}

func podSecurityRows() []row {
	return slices.Concat(
		honouredAll("PodSecurityContext", "runAsUser runAsGroup runAsNonRoot supplementalGroups sysctls seccompProfile"),
		[]row{refused("PodSecurityContext.supplementalGroupsPolicy", "").unless("Merge")},
		refusedAll("PodSecurityContext", "seLinuxOptions seLinuxChangePolicy windowsOptions fsGroup fsGroupChangePolicy appArmorProfile"),
		honouredAll("Sysctl", "name value"),
		[]row{
			refused("SeccompProfile.type", "").unless("RuntimeDefault"),
			refused("SeccompProfile.localhostProfile", ""),
		},
	)
}

func containerRows() []row {
	return slices.Concat(
		honouredAll("Container", "name image command args workingDir ports envFrom env resources volumeMounts"),
		honouredAll("Container", "imagePullPolicy securityContext stdin tty livenessProbe readinessProbe startupProbe lifecycle"),
		honouredAll("Container", "terminationMessagePath terminationMessagePolicy restartPolicyRules resizePolicy"),
		[]row{
			honoured("Container.restartPolicy", "an init container with Always is a sidecar"),
			refused("Container.stdinOnce", "").unless("false"),
		},
		refusedAll("Container", "volumeDevices"),
		honouredAll("ContainerPort", "name hostPort containerPort protocol hostIP"),
		honouredAll("ResourceRequirements", "limits requests"),
		refusedAll("ResourceRequirements", "claims"),
		honouredAll("VolumeMount", "name readOnly recursiveReadOnly mountPath subPath mountPropagation"),
		refusedAll("VolumeMount", "subPathExpr bindMountOptions"),
	)
}

func lifeRows() []row {
	return slices.Concat(
		honouredAll("Probe", "initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold terminationGracePeriodSeconds"),
		honouredAll("ProbeHandler", "exec httpGet tcpSocket grpc"),
		honouredAll("ExecAction", "command"),
		honouredAll("HTTPGetAction", "path port host scheme httpHeaders"),
		honouredAll("HTTPHeader", "name value"),
		honouredAll("TCPSocketAction", "port host"),
		honouredAll("GRPCAction", "port service"),
		[]row{
			refused("HTTPGetAction.protocol", "").unless("HTTP1"),
			refused("GRPCAction.mode", "").unless("Plaintext"),
		},
		honouredAll("Lifecycle", "postStart preStop stopSignal"),
		honouredAll("LifecycleHandler", "exec httpGet sleep"),
		[]row{refused("LifecycleHandler.tcpSocket", "Kubernetes ignores it; a hook is exec, httpGet or sleep")},
		honouredAll("SleepAction", "seconds"),
		honouredAll("ContainerResizePolicy", "resourceName restartPolicy"),
		honouredAll("ContainerRestartRule", "action exitCodes"),
		honouredAll("ContainerRestartRuleOnExitCodes", "operator values"),
	)
}

func containerSecurityRows() []row {
	return slices.Concat(
		honouredAll("SecurityContext", "capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem"),
		honouredAll("SecurityContext", "allowPrivilegeEscalation procMount seccompProfile"),
		refusedAll("SecurityContext", "seLinuxOptions windowsOptions appArmorProfile"),
		honouredAll("Capabilities", "add drop"),
	)
}

func environmentRows() []row {
	return slices.Concat(
		honouredAll("EnvVar", "name value valueFrom"),
		honouredAll("EnvVarSource", "fieldRef resourceFieldRef configMapKeyRef secretKeyRef"),
		refusedAll("EnvVarSource", "fileKeyRef"),
		honouredAll("ObjectFieldSelector", "apiVersion fieldPath"),
		honouredAll("ResourceFieldSelector", "containerName resource divisor"),
		honouredAll("ConfigMapKeySelector", "key optional"),
		honouredAll("SecretKeySelector", "key optional"),
		honouredAll("EnvFromSource", "prefix configMapRef secretRef"),
		honouredAll("ConfigMapEnvSource", "optional"),
		honouredAll("SecretEnvSource", "optional"),
		honouredAll("LocalObjectReference", "name"),
	)
}

func volumeRows() []row {
	return slices.Concat(
		honouredAll("Volume", "name"),
		honouredAll("VolumeSource", "hostPath emptyDir secret configMap persistentVolumeClaim projected downwardAPI"),
		refusedAll("VolumeSource", "ephemeral image csi nfs iscsi fc gitRepo"),
		refusedAll("VolumeSource", "awsElasticBlockStore azureDisk azureFile cephfs cinder flexVolume flocker gcePersistentDisk glusterfs"),
		refusedAll("VolumeSource", "photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"),
		[]row{honoured("HostPathVolumeSource.path", "relative under kube play: from its working folder, which SetWorkingDirectory= of a .kube unit sets")},
		honouredAll("HostPathVolumeSource", "type"),
		honouredAll("EmptyDirVolumeSource", "medium sizeLimit"),
		refusedAll("EmptyDirVolumeSource", "mode"),
		honouredAll("SecretVolumeSource", "secretName items defaultMode optional"),
		refusedAll("SecretVolumeSource", "defaultUser"),
		honouredAll("ConfigMapVolumeSource", "items defaultMode optional"),
		refusedAll("ConfigMapVolumeSource", "defaultUser"),
		honouredAll("KeyToPath", "key path mode"),
		refusedAll("KeyToPath", "user"),
		honouredAll("PersistentVolumeClaimVolumeSource", "claimName readOnly"),
		honouredAll("DownwardAPIVolumeSource", "items defaultMode"),
		refusedAll("DownwardAPIVolumeSource", "defaultUser"),
		honouredAll("DownwardAPIVolumeFile", "path fieldRef resourceFieldRef mode"),
		refusedAll("DownwardAPIVolumeFile", "user"),
		projectionRows(),
	)
}

func projectionRows() []row {
	return slices.Concat(
		honouredAll("ProjectedVolumeSource", "sources defaultMode"),
		refusedAll("ProjectedVolumeSource", "defaultUser"),
		honouredAll("VolumeProjection", "secret downwardAPI configMap"),
		[]row{
			refused("VolumeProjection.serviceAccountToken", "there is no API server to speak to"),
			refused("VolumeProjection.clusterTrustBundle", "there is no API server to ask for it"),
			refused("VolumeProjection.podCertificate", "there is no API server to issue it"),
		},
		honouredAll("SecretProjection", "items optional"),
		honouredAll("ConfigMapProjection", "items optional"),
		honouredAll("DownwardAPIProjection", "items"),
	)
}
