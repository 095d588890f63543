// Checks any chat server against the protocol, from outside: `npm run conformance -- --port 8080`
//
//   --host H, --port P   where the server is (default 127.0.0.1, 8080)
//   --host H:P,H:P,…     or the nodes of a cluster, over which the clients are spread
//   --cluster            or starts a cluster of three, with a NATS server (after `npm run build`)
//   --unix PATH          or its Unix socket
//   --tls                with TLS; the server's certificate must be valid for its host
//   --ca FILE            certificate authorities to trust (default: those that Node trusts)
//   --websocket          over WebSocket: the port is that of `--web`; needs the package `ws`
//   --anyway             also runs the checks that WebSocket cannot pass
//   --command COMMAND    starts servers with COMMAND and the flags of `a-chat serve`, for checks that need small
//                        limits, signals or exit statuses; without --port and --unix, all checks use such servers
//   --group GROUP        only `original` (what the tutorial's server does), `promises` (PROTOCOL.md) or `rooms` (its
//                        sections 11 and 12)
//   --only TEXT          only checks whose name contains TEXT; repeatable
//   --patience SECONDS   how long to wait for anything that must happen (default 5)
//   --verbose            shows the sentence that each check proves
//
// Every check uses fresh names and looks only at its own clients, so the server may be in use. The exit status is the
// number of failed checks, at most 100; 101 means that no check could run.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { isIP } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { natsServer, natsServers, node } from "../cluster/processes.mjs"
import { checks as all } from "./checks.mjs"
import { open } from "./client.mjs"
import { Couriers } from "./couriers.mjs"
import { fault } from "./grammar.mjs"
import { startWith } from "./process.mjs"
import { table } from "./report.mjs"
import { fresh, runAll, World } from "./suite.mjs"
import { bridge } from "./websocket.mjs"

const nothingToCheck = (message) => {
  console.error(message)
  process.exit(101)
}

const readOptions = () => {
  const text = { type: "string" }
  const server = { host: text, port: text, unix: text, command: text, ca: text }
  const { values } = parseArgs({
    options: {
      ...server,
      group: text,
      only: { ...text, multiple: true },
      patience: text,
      cluster: { type: "boolean", default: false },
      anyway: { type: "boolean", default: false },
      tls: { type: "boolean", default: false },
      websocket: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false }
    }
  })
  const patience = 1000 * Number(values.patience ?? 5)
  if (!(patience > 0)) nothingToCheck("--patience takes a number of seconds")
  if (values.group !== undefined && !["original", "promises", "rooms"].includes(values.group)) {
    nothingToCheck("--group takes `original`, `promises` or `rooms`")
  }
  if (!values.tls && values.ca !== undefined) nothingToCheck("--ca needs --tls")
  if (values.websocket && (values.tls || values.unix !== undefined))
    nothingToCheck("--websocket is without --tls and --unix")
  if (
    values.host?.includes(",") &&
    [values.tls, values.websocket, values.unix, values.port, values.command].some(Boolean)
  )
    nothingToCheck("--host with several nodes is alone: each has a port, and none has TLS")
  if (values.tls && values.unix !== undefined)
    nothingToCheck("--tls and --unix cannot be combined: TLS is checked over TCP")
  return { ...values, patience, tls: values.tls ? tlsOf(values) : undefined }
}

/** Options for `tls.connect`. An IP address is not a valid server name. */
const tlsOf = ({ ca, host = "127.0.0.1" }) => ({
  host,
  ...(isIP(host) === 0 ? { servername: host } : {}),
  ...(ca === undefined ? {} : { ca: readFileSync(ca) })
})

const endpointOf = async (options) => {
  const { command, host = "127.0.0.1", patience, port, tls, unix, websocket } = options
  if (options.cluster) return { nodes: await startCluster() }
  if (unix !== undefined) return { path: unix }
  if (host.includes(",")) return { nodes: host.split(",").map(nodeOf) }
  if (command !== undefined && port === undefined) return (await startWith(command, options)([], patience)).endpoint
  return websocket ? bridge(`ws://${host}:${port ?? 8081}/chat`) : { host, port: Number(port ?? 8080), tls }
}

/** Three nodes and a NATS server, which end with this process. */
const startCluster = async () => {
  if (natsServer === undefined) throw new Error("nats-server is not installed")
  const folder = mkdtempSync(join(tmpdir(), "achat-conformance-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  const [server] = await natsServers(1, folder)
  await server.start()
  const names = ["a", "b", "c"]
  const nodes = await Promise.all(names.map((name) => node({ name, folder, urls: [server.url] })))
  await Promise.all(nodes.map((one) => one.start()))
  return nodes.map(({ host, port }) => ({ host, port }))
}

const nodeOf = (text) => {
  const [, host, port] = /^(.+):(\d+)$/u.exec(text.trim()) ?? []
  if (host === undefined) throw new Error(`--host: ${text} is not HOST:PORT`)
  return { host, port: Number(port) }
}

/** Why the server cannot be reached; undefined if it can. */
const unreachable = (endpoint, options) =>
  open(endpoint.nodes?.[0] ?? endpoint, options).then(
    (client) => client.destroy(),
    (error) => error.got
  )

/** The defaults of PROTOCOL.md, for limits that the server does not announce. */
const defaults = { "max-line": 65_536, "max-recipients": 1_000, "max-name": 32, rate: 0 }

/** The limits, and the words that are on, in the server's answer to `/hello`; undefined if it does not answer. */
const announced = async (server, options) => {
  const world = new World({ ...server, limits: defaults }, options)
  try {
    const client = await world.connect()
    client.send("/hello ack")
    const [head] = (await client.line()).split(": ")
    const values = [...head.matchAll(/ ([a-z-]+)=(\d+)/gu)].map(([, name, value]) => [name, Number(value)])
    const words = / on=(\S+)/u.exec(head)?.[1].split("+") ?? []
    return { limits: { ...defaults, ...Object.fromEntries(values) }, words }
  } catch {
    return undefined
  } finally {
    await world.close()
  }
}

/** Why the promises cannot be checked at all; undefined if they can. */
const obstacle = (limits) => {
  if (limits === undefined) return "the server answers no command"
  return limits["max-line"] < 300 ? "its maximum line length is too short for the checks" : undefined
}

const options = readOptions()
// kills the servers that it started
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130))
const checks = all.filter(
  ({ group, name }) => group === (options.group ?? group) && (options.only?.some((text) => name.includes(text)) ?? true)
)
if (checks.length === 0) nothingToCheck("no check has such a name")

const endpoint = await endpointOf(options).catch((error) => nothingToCheck(error.message))
const why = await unreachable(endpoint, options)
if (why !== undefined) nothingToCheck(`cannot reach the server: ${why}`)

/** A courier that is logged in at a node. */
const courierAt = async (node) => {
  const courier = await open(node, options)
  courier.name = fresh("courier")
  courier.send("/hello", courier.name)
  await courier.answers()
  return courier
}
const couriers =
  endpoint.nodes === undefined ? undefined : new Couriers(await Promise.all(endpoint.nodes.map(courierAt)))
const settled = couriers && (() => couriers.settled())

const plain = { settled, endpoint, group: "original", inspect: undefined, limits: defaults, start: undefined }
const strict = { ...plain, group: "promises", inspect: fault }
const isAsked = checks.some(({ group }) => group !== "original")
const { limits: asked, words } = (isAsked ? await announced(strict, options) : undefined) ?? { words: [] }
const limits = asked ?? defaults
const overWebSocket = (what) => (options.websocket && !options.anyway ? what : undefined)
const overNodes = (what) => (endpoint.nodes === undefined ? undefined : `${what} (section 14)`)
const lacks = {
  ack: words.includes("ack") ? undefined : "the server does not know `/hello ack`",
  answers: obstacle(asked),
  command: options.command === undefined ? "needs --command" : undefined,
  tls: options.tls === undefined ? "needs --tls" : undefined,
  bytes: overWebSocket("a WebSocket carries text, and ends with 1007 if that is not UTF-8"),
  "half-close": overWebSocket("a WebSocket has no half-open state: its client sends `/quit` in place of a half-close"),
  "known-absent": overNodes(
    "a node returns lines to a name that it does not know by themselves, once it has asked the others"
  ),
  "same-order": overNodes("senders at different nodes"),
  "seen-leaving": overNodes(
    "a node learns a moment later who came to another one, and who left it, once the connection has ended"
  ),
  "shared-name": overNodes("clients that only send share a name only at one node"),
  tcp: endpoint.path === undefined ? undefined : "needs TCP, to break connections",
  speed: limits.rate === 0 ? undefined : "needs a server without a rate limit"
}
const start = options.command === undefined ? undefined : startWith(options.command, options)
const servers = {
  original: { ...plain, lacks, limits },
  promises: { ...strict, lacks, limits, start },
  rooms: { ...strict, group: "rooms", lacks, limits, start }
}
const { outcomes, seconds } = await runAll(checks, (group) => servers[group], {
  ...options,
  atOnce: options.websocket ? 6 : 12
})
console.log(table(outcomes, seconds, options))
process.exit(Math.min(outcomes.filter(({ state }) => state === "failed").length, 100))
