{{/* Name of everything that belongs to the operator. */}}
{{- define "miniredis.operator" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}-operator
{{- end -}}

{{- define "miniredis.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Labels that select the operator's pods; they cannot change in the life of a release. */}}
{{- define "miniredis.selector" -}}
app.kubernetes.io/name: miniredis
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "miniredis.labels" -}}
{{ include "miniredis.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What PodSecurity "restricted" asks for, of the pod and of the container. */}}
{{- define "miniredis.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "miniredis.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
