import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Net from "node:net"
import {
  Reachability,
  unknownProbe,
  type Finding,
  type ReachabilityProbe,
  type Transmission
} from "../ports/Reachability.js"
import type { Socket } from "../ports/Transport.js"
import { FramedSocket } from "./FramedSocket.js"
import { HandshakingSocket } from "./HandshakingSocket.js"
import { NetSocket } from "./NetSocket.js"
import * as NodeInternals from "./NodeInternals.js"

/**
 * Linux's tables of TCP connections, one line each (proc_net_tcp.txt in the kernel's documentation). They are the only
 * source for a program without native code: Node does not expose TCP_INFO.
 */
const tables: Tables = { IPv4: "/proc/net/tcp", IPv6: "/proc/net/tcp6" }

type Family = "IPv4" | "IPv6"

type Tables = Readonly<Record<Family, string>>

interface Table {
  /** The connections with unacknowledged bytes, by both ends. */
  readonly rows: Map<string, Row>
  /** The number of connections without any, by the port of the peer. */
  readonly idle: Map<number, number>
}

/** The kernel returns at most a page in one read, so this only has to be large enough for one. */
const readBytes = 65_536

/** Sockets examined before the event loop gets a turn: less than a millisecond of work. */
const slice = 512

/** A connection in a table that has unacknowledged bytes. */
type Row = Pick<Transmission, "unacknowledged" | "attempts" | "silentMillis">

/**
 * Probes the peers of TCP and TLS sockets in the kernel's tables. Behind a proxy, the peer is the proxy.
 *
 * @internal for tests, which pass other tables
 */
export const probeOf = (from: Tables): ReachabilityProbe => ({
  handed,
  check: (sockets) => Effect.promise((signal) => check(sockets, from, signal))
})

const handed = (socket: Socket): number | undefined => {
  const below = netSocketOf(socket)
  return below === undefined ? undefined : NodeInternals.takenBytes(below)
}

export const probe: ReachabilityProbe = probeOf(tables)

/** A probe that works where the tables can be read: on Linux, unless a container hides them. */
export const available = (): ReachabilityProbe => (isReadable(tables.IPv4) ? probe : unknownProbe)

/** `available`, as a layer. */
export const layer: Layer.Layer<Reachability> = Layer.sync(Reachability, available)

const isReadable = (path: string) => {
  try {
    Fs.accessSync(path, Fs.constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** The socket of Node below a TCP or TLS socket. A Unix socket, which has no host, is in none of the tables. */
const netSocketOf = (socket: Socket): Net.Socket | undefined =>
  socket.host !== "" && isOverTcp(socket) ? socket.socket : undefined

const isOverTcp = (socket: Socket) =>
  socket instanceof NetSocket || socket instanceof HandshakingSocket || socket instanceof FramedSocket

const check = async (sockets: ReadonlyArray<Socket>, from: Tables, signal: AbortSignal) => {
  // Counted before the tables are read: bytes written meanwhile must not count as acknowledged.
  const before = new Map<Socket, number>()
  // An IPv4 client of a listener on :: is in the table of IPv6, and Node reports its family as IPv6.
  const families = new Set<string | undefined>()
  for (const [index, socket] of sockets.entries()) {
    if (index % slice === slice - 1) await turnEnds()
    const bytes = handed(socket)
    if (bytes === undefined) continue
    before.set(socket, bytes)
    families.add(netSocketOf(socket)?.remoteFamily)
  }
  const found = new Map<Socket, Finding>()
  // If a table changes between two pages, the kernel may skip a row, but hardly twice in a row.
  const skipped = await look(before, families, from, signal, found)
  if (skipped.size > 0) await look(skipped, families, from, signal, found)
  return found
}

/**
 * Reads the tables of these families and adds their findings. Returns the sockets that are in no table, not even as
 * idle ones.
 */
const look = async (
  before: ReadonlyMap<Socket, number>,
  families: ReadonlySet<string | undefined>,
  from: Tables,
  signal: AbortSignal,
  found: Map<Socket, Finding>
): Promise<ReadonlyMap<Socket, number>> => {
  const table: Table = { rows: new Map(), idle: new Map() }
  const unread = new Set<string | undefined>()
  for (const family of ["IPv4", "IPv6"] as const) {
    if (families.has(family) && !(await readTable(from[family], table, signal))) unread.add(family)
  }
  return matched(before, table, unread, found)
}

/** Finds the row of each socket. Without one, a socket of a table that was not read to its end is unknown. */
const matched = async (
  before: ReadonlyMap<Socket, number>,
  { idle, rows }: Table,
  unread: ReadonlySet<string | undefined>,
  found: Map<Socket, Finding>
) => {
  // Comparing ports is much cheaper than writing addresses as the kernel does.
  const ports = new Set([...rows.keys()].map((key) => Number.parseInt(key.slice(-4), 16)))
  const without = new Map<number, Array<Socket>>()
  let index = 0
  for (const [socket, atLeast] of before) {
    if (++index % slice === 0) await turnEnds()
    const below = netSocketOf(socket)
    const atMost = handed(socket)
    if (below === undefined || atMost === undefined) continue
    const port = below.remotePort ?? 0
    const row = ports.has(port) ? rows.get(keyOf(below)) : undefined
    if (row === undefined) {
      if (unread.has(below.remoteFamily)) found.set(socket, "unknown")
      else if (without.get(port)?.push(socket) === undefined) without.set(port, [socket])
      continue
    }
    const acknowledged = { atLeast: atLeast - row.unacknowledged, atMost: atMost - row.unacknowledged }
    found.set(socket, { ...row, acknowledged })
  }
  const skipped = new Map<Socket, number>()
  for (const [port, sockets] of without) {
    if ((idle.get(port) ?? 0) >= sockets.length) continue
    for (const socket of sockets) skipped.set(socket, before.get(socket) ?? 0)
  }
  return skipped
}

/** Lets the event loop take a turn. */
const turnEnds = () => new Promise<void>((resume) => void setImmediate(resume))

/**
 * Reads a table of possibly 100,000 lines. Reading happens in libuv's thread pool, and each read returns a page of a
 * few dozen lines, so that parsing never keeps the event loop for long. With callbacks, because promises would take
 * half as much CPU again. Returns whether it was read to its end: opening it fails when the process has no descriptors
 * left.
 */
const readTable = (path: string, table: Table, signal: AbortSignal) =>
  new Promise<boolean>((resume) => {
    Fs.open(path, (cannotOpen, file) => {
      if (cannotOpen !== null) return resume(false)
      const bytes = Buffer.allocUnsafe(readBytes)
      let rest = ""
      const next = () => Fs.read(file, bytes, 0, readBytes, null, took)
      const took = (cannotRead: Error | null, length: number) => {
        const isAtEnd = cannotRead === null && length === 0
        if (isAtEnd || cannotRead !== null || signal.aborted) return Fs.close(file, () => resume(isAtEnd))
        rest = parse(rest + bytes.toString("latin1", 0, length), table)
        return next()
      }
      return next()
    })
  })

/**
 * Number, both ends, state, bytes to send and to read, the timer and when it fires, retransmissions, user, and probes.
 */
const fields = /^ *\d+: (\S+ \S+) \S+ ([0-9A-F]+):\S+ ([0-9A-F]+):([0-9A-F]+) ([0-9A-F]+) +\d+ +(\d+) /

/** Adds the rows. Returns the unfinished last line. */
const parse = (text: string, { idle, rows }: Table): string => {
  let start = 0
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
    const line = text.slice(start, end)
    start = end + 1
    const at = line.indexOf(nothingToSend)
    if (at > 0) {
      // The peer's port and the state precede it: `C2A4 01`. An ended connection may have had the same port.
      if (line.startsWith(timeWait, at - 2)) continue
      const port = Number.parseInt(line.slice(at - 7, at - 3), 16)
      idle.set(port, (idle.get(port) ?? 0) + 1)
      continue
    }
    const [, ends, bytes = "", timer = "", firesIn = "", retransmissions = "", probes] = fields.exec(line) ?? []
    if (ends === undefined) continue // the head of the table
    rows.set(ends, {
      unacknowledged: Number.parseInt(bytes, 16),
      ...(Number.parseInt(timer, 16) === windowProbeTimer
        ? probing(Number(probes), Number.parseInt(firesIn, 16))
        : { attempts: Number.parseInt(retransmissions, 16), silentMillis: 0 })
    })
  }
  return text.slice(start)
}

/** The column of the bytes to send when it is zero; otherwise only a listening socket has such a column. */
const nothingToSend = " 00000000:"

/** The state of a connection that has ended: its ports may be in use again. */
const timeWait = "06"

const windowProbeTimer = 4

/** The unit in which the kernel prints times, whatever unit it counts them in (USER_HZ). */
const millisPerTick = 10

/**
 * The kernel of a peer that does not read answers each probe of its window, so one probe may be on its way, or lost.
 * The count starts again with each answer. The kernel doubles the interval after each probe, up to two minutes, so at
 * least half of the time until the next probe passed between the last two, and all of it without an answer.
 */
const probing = (probes: number, firesIn: number) =>
  probes < 2 ? { attempts: 0, silentMillis: 0 } : { attempts: probes - 1, silentMillis: (firesIn / 2) * millisPerTick }

/** Both ends of a connection, as the kernel writes them. */
const keyOf = ({ localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 }: Net.Socket) =>
  `${endOf(localAddress, localPort)} ${endOf(remoteAddress, remotePort)}`

/** The kernel prints addresses as 32-bit words in the machine's byte order, and ports as plain numbers. */
const endOf = (host: string, port: number) => {
  const words = new Uint32Array(bytesOf(host).buffer)
  return `${Array.from(words, (word) => hex(word, 8)).join("")}:${hex(port, 4)}`
}

const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0")

const bytesOf = (host: string): Uint8Array => {
  if (Net.isIPv4(host)) return Uint8Array.from(host.split("."), Number)
  // URL accepts every spelling but a zone, and returns groups of hexadecimal digits.
  const [address = ""] = host.split("%")
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
  const [first, last] = [groupsOf(head), groupsOf(tail)]
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0)
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]))
}

const groupsOf = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
