{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "spillway.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "spillway.labels" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* (list $ "node"): what pods of a role are selected by. */}}
{{- define "spillway.selector" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list $ 0): the name of an orchestrator's pod, and so of its key pair; and where it is reached. */}}
{{- define "spillway.orchestrator" -}}
{{ include "spillway.name" (index . 0) }}-orchestrator-{{ index . 1 }}
{{- end }}
{{- define "spillway.orchestratorHost" -}}
{{ include "spillway.orchestrator" . }}.{{ include "spillway.name" (index . 0) }}-orchestrators.{{ (index . 0).Release.Namespace }}.svc
{{- end }}

{{/* What no schema can say. */}}
{{- define "spillway.check" -}}
{{- $all := add (int .Values.orchestrator.replicas) (len .Values.remote) -}}
{{- $redis := .Values.redis -}}
{{- if gt (int $all) 8 }}{{ fail "orchestrator.replicas and remote: more than 8 orchestrators in all" }}{{ end }}
{{- if and $redis.host $redis.sentinels }}{{ fail "redis: a host or sentinels, not both" }}{{ end }}
{{- if ne (empty $redis.sentinels) (empty $redis.master) }}{{ fail "redis: sentinels and master go together" }}{{ end }}
{{- if and (gt (int $all) 1) (not $redis.host) (not $redis.sentinels) }}{{ fail "redis.host or redis.sentinels: several orchestrators need a Redis" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host: which name is it for?" }}{{ end }}
{{- end }}

{{/* ---- Settings: what the values say, and what follows from where the programs run. ---- */}}

{{- define "spillway.orchestratorSettings" -}}
{{- $ := . -}}
{{- include "spillway.check" . -}}
{{- $peers := list -}}
{{- range $i := until (int .Values.orchestrator.replicas) -}}
{{- $peers = append $peers (dict "endpoint" (printf "tcp://%s:7883" (include "spillway.orchestratorHost" (list $ $i))) "key_file" (printf "/keys/%s.pub" (include "spillway.orchestrator" (list $ $i)))) -}}
{{- end -}}
{{- range .Values.remote -}}
{{- $peers = append $peers (dict "endpoint" .peer "key" .key) -}}
{{- end -}}
{{- $own := dict "region" .Values.region "drain_grace" (printf "%ds" (int .Values.orchestrator.drainSeconds)) "bus" (dict "nodes_dir" "/keys/nodes") "redis" .Values.redis -}}
{{- if gt (len $peers) 1 }}{{ $_ := set $own "peers" $peers }}{{ end -}}
{{- toYaml (mergeOverwrite (dict "pages" (dict "dir" "/usr/share/spillway/pages") "log" (dict "format" "json")) (deepCopy .Values.orchestrator.settings) $own) }}
{{- end }}

{{- define "spillway.nodeSettings" -}}
{{- $ := . -}}
{{- $links := list -}}
{{- range $i := until (int .Values.orchestrator.replicas) -}}
{{- $host := include "spillway.orchestratorHost" (list $ $i) -}}
{{- $links = append $links (dict "control" (printf "tcp://%s:7881" $host) "tunnel" (printf "tcp://%s:7882" $host) "key_file" (printf "/keys/%s.pub" (include "spillway.orchestrator" (list $ $i)))) -}}
{{- end -}}
{{- range .Values.remote -}}
{{- $links = append $links (dict "control" .control "tunnel" .tunnel "key" .key) -}}
{{- end -}}
{{- $own := dict "region" .Values.region "workers" (int .Values.node.workers) "drain_grace" (printf "%ds" (int .Values.node.drainSeconds)) "curve" (dict "secret_file" "/keys/node.key") "orchestrators" $links -}}
{{- toYaml (mergeOverwrite (dict "log" (dict "format" "json")) (deepCopy .Values.node.settings) $own) }}
{{- end }}

{{/* ---- What both roles have: (list $ "node" 7890), with the user of the image ---- */}}

{{- define "spillway.pod" -}}
{{- $ := index . 0 -}}
{{- $own := index $.Values (index . 1) -}}
# SIGTERM drains: no preStop is needed.
terminationGracePeriodSeconds: {{ add $own.drainSeconds 30 }}
enableServiceLinks: false # their variables would look like settings
automountServiceAccountToken: false
{{- with $.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 2 }}
  runAsGroup: {{ index . 2 }}
  fsGroup: {{ index . 2 }}
  seccompProfile: {type: RuntimeDefault}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "spillway.container" -}}
{{- $ := index . 0 -}}
{{- $role := index . 1 -}}
name: {{ $role }}
image: {{ with $.Values.image.registry }}{{ . }}/{{ end }}spillway-{{ $role }}:{{ coalesce (index $.Values $role).tag $.Values.image.tag $.Chart.AppVersion }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
args: ["--config", "/settings/{{ $role }}.yaml"]
resources:
  {{- toYaml (index $.Values $role).resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: settings, mountPath: /settings, readOnly: true}
  - {name: keys, mountPath: /keys, readOnly: true}
{{- end }}

{{/* One pod at a time. */}}
{{- define "spillway.budget" -}}
{{- $ := index . 0 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "spillway.name" $ }}-{{ index . 1 }}
  labels:
    {{- include "spillway.labels" $ | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "spillway.selector" . | nindent 6 }}
{{- end }}
