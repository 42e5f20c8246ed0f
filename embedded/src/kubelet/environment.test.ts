import assert from 'node:assert/strict'
import { containerSchema, dataHolderSchema, podSchema } from '../kinds.ts'
import {
  buildCommand,
  buildEnvironment,
  type EnvironmentSources,
  expand,
  translateMounts,
} from './environment.ts'

const metadata = { name: 'cache-0', namespace: 'team-a', uid: 'uid-1', labels: { app: 'cache' } }

const sources: EnvironmentSources = {
  pod: podSchema.parse({
    metadata,
    spec: { nodeName: 'node-b', containers: [{ name: 'main' }] },
  }),
  podIP: '127.64.0.7',
  hostIP: '127.0.0.1',
  secret: (name) =>
    name === 'login'
      ? dataHolderSchema.parse({ metadata, data: { password: 'czNjcmV0' } })
      : undefined,
  configMap: (name) =>
    name === 'settings' ? dataHolderSchema.parse({ metadata, data: { mode: 'fast' } }) : undefined,
}

const env = (entries: unknown[], envFrom: unknown[] = []) =>
  buildEnvironment(containerSchema.parse({ name: 'main', env: entries, envFrom }), sources)

const field = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
})

describe('container environment', () => {
  it('knows the fields of the pod', () => {
    const fields = [
      ['NAME', 'metadata.name', 'cache-0'],
      ['NAMESPACE', 'metadata.namespace', 'team-a'],
      ['UID', 'metadata.uid', 'uid-1'],
      ['NODE', 'spec.nodeName', 'node-b'],
      ['POD_IP', 'status.podIP', '127.64.0.7'],
      ['HOST_IP', 'status.hostIP', '127.0.0.1'],
      ['APP', "metadata.labels['app']", 'cache'],
      ['NONE', "metadata.labels['none']", ''],
    ] as const
    const actual = env(fields.map(([name, path]) => field(name, path)))
    assert.deepEqual(actual, Object.fromEntries(fields.map(([name, , value]) => [name, value])))
  })

  it('takes values from Secrets and ConfigMaps', () => {
    const reference = (kind: string, name: string, key: string) => ({
      name: kind,
      valueFrom: { [kind]: { name, key } },
    })
    assert.deepEqual(
      env([
        reference('secretKeyRef', 'login', 'password'),
        reference('configMapKeyRef', 'settings', 'mode'),
      ]),
      { secretKeyRef: 's3cret', configMapKeyRef: 'fast' },
    )
    assert.deepEqual(env([], [{ prefix: 'P_', secretRef: { name: 'login' } }]), {
      P_password: 's3cret',
    })
  })

  it('says what is missing, unless it is optional', () => {
    const from = (name: string, key: string, optional: boolean) => [
      { name: 'X', valueFrom: { secretKeyRef: { name, key, optional } } },
    ]
    assert.throws(() => env(from('absent', 'k', false)), /secret "absent" not found/)
    assert.throws(() => env(from('login', 'k', false)), /couldn't find key k in secret login/)
    assert.deepEqual(env(from('absent', 'k', true)), {})
    assert.throws(() => env([field('X', 'status.nothing')]), /unsupported fieldPath/)
    assert.throws(() => env([{ name: 'X', valueFrom: { resourceFieldRef: {} } }]), /valueFrom/)
  })

  it('expands variables that were defined before', () => {
    const values = env([
      { name: 'A', value: 'one' },
      { name: 'B', value: '$(A)-$(LATER)-$$(A)' },
      { name: 'LATER', value: 'x' },
    ])
    assert.equal(values.B, 'one-$(LATER)-$(A)')
  })

  it('leaves what it does not know', () => {
    assert.equal(expand('$(NONE) $5 $', {}), '$(NONE) $5 $')
  })
})

describe('mount paths', () => {
  const mounts = [
    { mountPath: '/data', directory: '/home/x/vol' },
    { mountPath: '/data/tls/', directory: '/home/x/tls' },
  ]
  const cases = [
    ['/data', '/home/x/vol'],
    ['/data/a/b', '/home/x/vol/a/b'],
    ['/data/tls/tls.crt', '/home/x/tls/tls.crt'],
    ['--dir=/data', '--dir=/home/x/vol'],
    ['/data:/data/tls', '/home/x/vol:/home/x/tls'],
    ['/database', '/database'],
    ['/var/data', '/var/data'],
    ['redis://data', 'redis://data'],
  ] as const
  for (const [text, expected] of cases) {
    it(`turns ${text} into ${expected}`, () => {
      assert.equal(translateMounts(text, mounts), expected)
    })
  }
})

describe('container command', () => {
  const program = {
    matches: () => true,
    paths: { '/usr/local/bin/node': '/real/node', '/app/runtime.mjs': '/repo/main.ts' },
    entrypoint: ['/usr/local/bin/node', '/app/runtime.mjs'],
  }
  const command = (container: object) =>
    buildCommand({
      container: containerSchema.parse({ name: 'main', ...container }),
      program,
      sources,
      mounts: [{ mountPath: '/data', directory: '/vol' }],
      injected: { MINIREDIS_BIND: '127.64.0.7' },
    })

  it('maps programs, mounts and variables', () => {
    assert.deepEqual(
      command({
        command: ['/usr/local/bin/node', '/app/runtime.mjs'],
        args: ['--dir', '$(DIR)/x'],
        env: [{ name: 'DIR', value: '/data' }],
      }),
      {
        argv: ['/real/node', '/repo/main.ts', '--dir', '/vol/x'],
        env: { DIR: '/vol', MINIREDIS_BIND: '127.64.0.7' },
      },
    )
  })

  it('falls back to the entrypoint of the image', () => {
    assert.deepEqual(command({}).argv, ['/real/node', '/repo/main.ts'])
  })

  it('lets the pod not move the injected bind address', () => {
    const { env: values } = command({ env: [{ name: 'MINIREDIS_BIND', value: '0.0.0.0' }] })
    assert.equal(values.MINIREDIS_BIND, '127.64.0.7')
  })
})
