{{- /* What the operator may do where it looks after services, and nothing else: no wildcards, no Secrets. */ -}}
{{- define "realtime-operator.rules" -}}
# `get` is passed on to each server, for its own resource: nobody can grant what they do not have.
- apiGroups: [realtime-operator.dev]
  resources: [realtimeservices]
  verbs: [get, list, watch]
- apiGroups: [realtime-operator.dev]
  resources: [realtimeservices/status]
  verbs: [patch]
# Children block the deletion of their owner, which the admission plugin OwnerReferencesPermissionEnforcement asks this for.
- apiGroups: [realtime-operator.dev]
  resources: [realtimeservices/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [serviceaccounts, configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
# Their addresses: the servers are asked which policy they run. What is patched is controller.kubernetes.io/pod-deletion-cost.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# Passed on to the servers, which hand each other the requests of their sessions.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
# For autoscaling.connectionsPerReplica.
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [cloud.google.com]
  resources: [backendconfigs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.gke.io]
  resources: [frontendconfigs, managedcertificates, gcpbackendpolicies, healthcheckpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- /* Whether the foreign kinds are installed: definitions belong to no namespace. */ -}}
{{- define "realtime-operator.definitionRules" -}}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames:
    - backendconfigs.cloud.google.com
    - frontendconfigs.networking.gke.io
    - gcpbackendpolicies.networking.gke.io
    - healthcheckpolicies.networking.gke.io
    - httproutes.gateway.networking.k8s.io
    - managedcertificates.networking.gke.io
  verbs: [list, watch]
{{- end }}
