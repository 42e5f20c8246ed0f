/** The formats that schemas of custom resources may name. Unknown ones are ignored, as Kubernetes does. */
import { isIPv4, isIPv6 } from 'node:net'

const shortName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const longName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const hostname =
  /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/
const dateTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const goDuration =
  /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/
const scalaDuration = /^\d+ ?(ns|us|ms|s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)$/
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

type Format = (text: string) => boolean

const formats: Readonly<Record<string, Format>> = {
  byte: (text) => base64.test(text),
  cidr: isCidr,
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isTime(`${text}T00:00:00Z`),
  datetime: (text) => dateTime.test(text) && isTime(text),
  duration: (text) => goDuration.test(text) || scalaDuration.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) => text.length <= 255 && hostname.test(text),
  ipv4: isIPv4,
  ipv6: isIPv6,
  k8slongname: (text) => text.length <= 253 && longName.test(text),
  k8sshortname: (text) => shortName.test(text),
  mac: (text) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text),
  uri: isUri,
  uuid: (text) => uuid.test(text),
}

/** True when the text has the format, or the format is none that we know. */
export function hasFormat(text: string, format: string): boolean {
  const check = formats[format.replaceAll('-', '')]
  return check === undefined || check(text)
}

const isTime = (text: string): boolean => !Number.isNaN(Date.parse(text))

function isCidr(text: string): boolean {
  const [address = '', bits = '', more] = text.split('/')
  if (more !== undefined || !/^\d{1,3}$/.test(bits)) return false
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128)
}

/** As Go's url.ParseRequestURI: absolute, or a path. */
function isUri(text: string): boolean {
  return text.startsWith('/') || URL.canParse(text)
}
