{{- define "optoggles.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "optoggles.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "optoggles.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "optoggles.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "optoggles.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "optoggles.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "optoggles.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether flag files come from a repository, as `config.flags.git` says. */}}
{{- define "optoggles.fromGit" -}}
{{- if kindIs "map" (get .Values.config "flags") -}}true{{- end -}}
{{- end -}}

{{/* optoggles.yaml: what the values say, and what has to fit the pod. */}}
{{- define "optoggles.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- range $key := list "bind" "stateDir" -}}
{{- if hasKey $config $key -}}{{- fail (printf "config.%s is set by the chart: take it out of the values" $key) -}}{{- end -}}
{{- end -}}
{{- range $key := list "instance" "sources" "targets" -}}
{{- if not (get $config $key) -}}{{- fail (printf "config.%s is needed: write it as in optoggles.yaml, or name existingConfigMap" $key) -}}{{- end -}}
{{- end -}}
{{- if not (include "optoggles.fromGit" .) -}}
{{- if hasKey $config "flags" -}}{{- fail "config.flags is either { git: … } or left out: flag files are in flags.files or flags.existingConfigMap" -}}{{- end -}}
{{- if not (or .Values.flags.files .Values.flags.existingConfigMap) -}}{{- fail "there are no flags: set flags.files, flags.existingConfigMap or config.flags.git" -}}{{- end -}}
{{- $_ := set $config "flags" "flags" -}}
{{- else if or .Values.flags.files .Values.flags.existingConfigMap -}}
{{- fail "flags come from config.flags.git or from a ConfigMap, not from both" -}}
{{- end -}}
{{- $_ := set $config "version" 1 -}}
{{- $_ := set $config "bind" ":8080" -}}
{{- $_ := set $config "stateDir" "/var/lib/optoggles" -}}
{{- $callback := printf "%s.%s.svc:%d" (include "optoggles.fullname" .) .Release.Namespace (int .Values.service.port) -}}
{{- range $source := $config.sources -}}
{{- if and (eq (get $source "type" | default "opal") "opal") (not (hasKey $source "advertisedAddress")) (not (hasKey $source "callbackUrl")) -}}
{{- $_ := set $source "advertisedAddress" $callback -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Label matchers of this release's series. */}}
{{- define "optoggles.matchers" -}}
{{- default (printf "namespace=%q, job=%q" .Release.Namespace (include "optoggles.fullname" .)) .Values.prometheusRule.matchers -}}
{{- end -}}
