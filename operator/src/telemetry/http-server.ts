/** The operator's HTTP: probes, health for people, metrics. Reads only; needs no authentication. */
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { type HealthFacts, judgeLiveness, judgeReadiness, type Verdict } from './health.ts'

export interface HttpServerOptions {
  readonly facts: () => HealthFacts
  readonly metrics: { readonly contentType: string; render(): Promise<string> }
  /** When the process started, milliseconds since 1970. */
  readonly startedMs: number
  readonly now: () => number
  readonly identity: string
}

/** Paths are few and bodies are none: whatever exceeds this is refused. */
const BODY_BYTES_MAX = 1024
const REQUEST_MS_MAX = 5_000

/** The server, not yet listening. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { facts, metrics, identity, now, startedMs } = options
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    forceCloseConnections: true,
  })
  server.get('/livez', (_, reply) => answer(reply, judgeLiveness(facts())))
  server.get('/readyz', (_, reply) => answer(reply, judgeReadiness(facts())))
  server.get('/health', (_, reply) => answer(reply, judge(facts())))
  server.get('/health/detailed', (_, reply) => {
    const uptimeSeconds = Math.floor((now() - startedMs) / 1000)
    return answer(reply, judge(facts()), { identity, uptimeSeconds, ...facts() })
  })
  server.get('/metrics', async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  )
  return server
}

function judge(facts: HealthFacts): Verdict {
  const problems = [...judgeLiveness(facts).problems, ...judgeReadiness(facts).problems]
  return { ok: problems.length === 0, problems }
}

function answer(reply: FastifyReply, { ok, problems }: Verdict, details: object = {}) {
  return reply.code(ok ? 200 : 503).send({ status: ok ? 'ok' : 'failing', problems, ...details })
}

/** @throws Error that says what to change when the port is taken */
export async function listen(
  server: FastifyInstance,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<void> {
  try {
    await server.listen({ host: address, port })
  } catch (cause) {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    const message = `port ${port} of ${address} is taken: set MINIREDIS_OPERATOR_PORT to another one`
    throw taken ? new Error(message, { cause }) : cause
  }
}
