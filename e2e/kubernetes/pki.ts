/** The cluster's certificates, made with openssl into one folder: `<name>.crt` and `<name>.key`. */
import { mkdir, writeFile } from 'node:fs/promises'
import { runCommand } from './command.ts'
import { network, node } from './layout.ts'

interface Certificate {
  readonly name: string
  readonly authority: 'ca' | 'front-ca'
  /** openssl's notation. O is the group and CN the user that Kubernetes sees. */
  readonly subject: string
  readonly usage: 'clientAuth' | 'serverAuth'
  readonly names?: readonly string[]
}

const apiNames = [
  'DNS:kubernetes',
  'DNS:kubernetes.default',
  'DNS:kubernetes.default.svc',
  'DNS:kubernetes.default.svc.cluster.local',
  'DNS:localhost',
  `IP:${network.apiServiceAddress}`,
  `IP:${network.nodeAddress}`,
  'IP:127.0.0.1',
]

const nodeSubject = `/O=system:nodes/CN=system:node:${node.name}`

const certificates: readonly Certificate[] = [
  { ...server('apiserver', '/CN=kube-apiserver'), names: apiNames },
  {
    ...server('kubelet-server', nodeSubject),
    names: [`DNS:${node.name}`, `IP:${network.nodeAddress}`],
  },
  client('apiserver-kubelet', '/O=system:masters/CN=apiserver-kubelet'),
  { ...client('front-proxy', '/CN=front-proxy-client'), authority: 'front-ca' },
  client('admin', '/O=system:masters/CN=admin'),
  client('agent', '/O=system:masters/CN=testcluster-agent'),
  client('controllers', '/CN=system:kube-controller-manager'),
  client('scheduler', '/CN=system:kube-scheduler'),
  client('kubelet', nodeSubject),
  client('proxy', '/CN=system:kube-proxy'),
  client('dns', '/CN=testcluster-dns'),
]

/** Makes two authorities, all certificates and the service-account key pair. About 0.3 s. */
export async function createPki(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await Promise.all([
    createAuthority(folder, 'ca'),
    createAuthority(folder, 'front-ca'),
    createServiceAccountKeys(folder),
  ])
  await Promise.all(certificates.map((certificate) => createCertificate(folder, certificate)))
}

function server(name: string, subject: string): Certificate {
  return { name, authority: 'ca', subject, usage: 'serverAuth' }
}

function client(name: string, subject: string): Certificate {
  return { name, authority: 'ca', subject, usage: 'clientAuth' }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

async function createAuthority(folder: string, name: string): Promise<void> {
  const usage = 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'
  const files = ['-keyout', `${folder}/${name}.key`, '-out', `${folder}/${name}.crt`]
  const subject = ['-subj', `/CN=testcluster-${name}`, '-addext', usage, '-days', '3650']
  await runCommand(['openssl', 'req', '-x509', ...newKey, ...subject, ...files])
}

async function createCertificate(folder: string, certificate: Certificate): Promise<void> {
  const { name, authority, subject, usage, names } = certificate
  const path = `${folder}/${name}`
  const extensions = ['keyUsage=critical,digitalSignature', `extendedKeyUsage=${usage}`]
  if (names !== undefined) extensions.push(`subjectAltName=${names.join(',')}`)
  await writeFile(`${path}.ext`, `${extensions.join('\n')}\n`)
  const request = ['openssl', 'req', ...newKey, '-subj', subject]
  await runCommand([...request, '-keyout', `${path}.key`, '-out', `${path}.csr`])
  const issuer = ['-CA', `${folder}/${authority}.crt`, '-CAkey', `${folder}/${authority}.key`]
  const signing = ['openssl', 'x509', '-req', '-in', `${path}.csr`, ...issuer, '-days', '3650']
  await runCommand([
    ...signing,
    '-set_serial',
    serial(name),
    '-extfile',
    `${path}.ext`,
    '-out',
    `${path}.crt`,
  ])
}

async function createServiceAccountKeys(folder: string): Promise<void> {
  const path = `${folder}/service-accounts`
  await runCommand(['openssl', 'genrsa', '-out', `${path}.key`, '2048'])
  await runCommand(['openssl', 'rsa', '-in', `${path}.key`, '-pubout', '-out', `${path}.pub`])
}

/** Unique per authority without a shared serial file, which parallel signing would spoil. */
function serial(name: string): string {
  return String(1000 + certificates.findIndex((certificate) => certificate.name === name))
}
