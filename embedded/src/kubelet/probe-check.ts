/** One execution of a probe: HTTP request, TCP connection or command. */
import { execFile } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Container, Probe } from '../kinds.ts'
import type { Command } from './environment.ts'
import type { ProbeResult } from './probe-state.ts'

export interface ProbeTarget {
  readonly container: Container
  readonly podIP: string
  /** Environment of the container, for exec probes. */
  readonly env: Command['env']
  readonly directory: string
  /** Real program of a command word. */
  readonly translate: (word: string) => string
}

export interface ProbeOutcome {
  readonly result: ProbeResult
  /** What went wrong, as the kubelet words it. */
  readonly message: string
}

const success: ProbeOutcome = { result: 'success', message: '' }
const failure = (message: string): ProbeOutcome => ({ result: 'failure', message })

const OUTPUT_BYTES_MAX = 10 * 1024

/** Never rejects: whatever goes wrong is a failed probe. Bounded by the probe's timeout. */
export async function checkProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  if (probe.httpGet !== undefined) return await checkHttp(probe, probe.httpGet, target)
  if (probe.tcpSocket !== undefined) return await checkTcp(probe, probe.tcpSocket, target)
  if (probe.exec !== undefined) return await checkCommand(probe, probe.exec.command, target)
  return failure('probe has no httpGet, tcpSocket or exec')
}

function portNumber(port: string | number, container: Container): number | undefined {
  if (typeof port === 'number') return port
  const named = container.ports.find(({ name }) => name === port)?.containerPort
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined)
}

type HttpGet = NonNullable<Probe['httpGet']>

function checkHttp(probe: Probe, get: HttpGet, target: ProbeTarget): Promise<ProbeOutcome> {
  const port = portNumber(get.port, target.container)
  if (port === undefined) return Promise.resolve(failure(`unknown port ${get.port}`))
  const host = get.host ?? target.podIP
  const headers = Object.fromEntries(get.httpHeaders.map(({ name, value }) => [name, value]))
  const options = { host, port, path: get.path, headers, agent: false, rejectUnauthorized: false }
  const send = get.scheme === 'HTTPS' ? httpsRequest : httpRequest
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(probe.timeoutSeconds * 1000)
    const request = send({ ...options, signal }, (response) => {
      response.resume().on('error', () => undefined)
      const status = response.statusCode ?? 0
      const isFine = status >= 200 && status < 400
      resolve(isFine ? success : failure(`HTTP probe failed with statuscode: ${status}`))
    })
    request.on('error', ({ message }) => resolve(failure(message))).end()
  })
}

type TcpSocket = NonNullable<Probe['tcpSocket']>

function checkTcp(probe: Probe, tcp: TcpSocket, target: ProbeTarget): Promise<ProbeOutcome> {
  const port = portNumber(tcp.port, target.container)
  if (port === undefined) return Promise.resolve(failure(`unknown port ${tcp.port}`))
  return new Promise((resolve) => {
    const socket = connect({ host: tcp.host ?? target.podIP, port })
    const settle = (outcome: ProbeOutcome) => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(probe.timeoutSeconds * 1000, () => settle(failure('i/o timeout')))
    socket.on('connect', () => settle(success))
    socket.on('error', ({ message }) => settle(failure(message)))
  })
}

function checkCommand(
  probe: Probe,
  command: readonly string[],
  target: ProbeTarget,
): Promise<ProbeOutcome> {
  const [program = '', ...args] = command.map((word) => target.translate(word))
  const options = {
    env: { ...target.env },
    cwd: target.directory,
    timeout: probe.timeoutSeconds * 1000,
    killSignal: 'SIGKILL' as const,
    maxBuffer: OUTPUT_BYTES_MAX,
  }
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve(error === null ? success : failure(`${error.message} ${stdout}${stderr}`.trim()))
    })
  })
}
