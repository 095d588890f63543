// Hostile clients: `node scripts/bench/hostile.mjs --kind KIND --port N [--clients N]`. Logs all of them in, prints
// `ready`, and begins when it reads a line. Runs until it reads another line, or is killed. `npm run fairness` starts
// it.
import { once } from "node:events"
import { connect } from "node:net"
import { parseArgs } from "node:util"
import { kinds } from "./hostile-kinds.mjs"

const text = { type: "string" }
const { values } = parseArgs({ options: { kind: text, port: text, clients: text } })
const { idle = 0, ...kind } = kinds[values.kind]
const clients = Number(values.clients ?? kind.clients ?? 100)
const port = Number(values.port)

/** Connections that are made at once. */
const atOnce = 100

// Whatever arrives is read into the same memory and ignored.
const onread = { buffer: Buffer.allocUnsafe(65_536), callback: () => true }

const open = ({ isDeaf = false } = {}) => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...(isDeaf ? {} : { onread }) })
  if (isDeaf) socket.pause()
  return socket.on("error", () => {})
}

/** Connects and logs in. A client that reads has its login confirmed. */
const enter = async (name, { greets = false, isDeaf = false } = {}) => {
  const socket = open({ isDeaf })
  await once(socket, "connect")
  socket.write(`${name}\n${greets ? "/hello\n" : ""}`)
  return socket
}

const crowd = async (count, prefix, options) => {
  const sockets = []
  while (sockets.length < count) {
    const next = Array.from({ length: Math.min(atOnce, count - sockets.length) }, (_, i) => sockets.length + i)
    sockets.push(...(await Promise.all(next.map((index) => enter(`${prefix}${index}`, options)))))
  }
  return sockets
}

/** Writes what `next` returns for as long as the server takes it. */
const pour = (socket, next) => {
  const more = () => {
    while (socket.write(next()));
  }
  socket.on("drain", more)
  more()
}

const present = await crowd(idle, "idle", kind.idleOptions)
const hostile = await crowd(kind.run === undefined ? clients : 0, "hostile", kind.options)
process.stdout.write("ready\n")
await once(process.stdin, "data")
if (kind.run !== undefined) void kind.run({ clients, crowd, enter, open, pour, present })
hostile.forEach((socket, index) => pour(socket, kind.flood(index)))

await once(process.stdin, "data")
// Otherwise the server would first have to read what its kernel holds: megabytes for each client.
for (const socket of hostile) socket.resetAndDestroy()
process.exit()
