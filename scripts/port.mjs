// Free ports for servers that a script starts. Imported, not run.
import { once } from "node:events"
import { connect, createServer } from "node:net"

// Below the range of ephemeral ports, in which any client might take a port between the check and its use.
const [lowest, highest] = [20_000, 32_000]

const given = new Set()

/** A port that no process listens on, and that was not returned before. */
export const freePort = async () => {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

const isFree = async (port) => {
  const server = createServer()
  const free = await new Promise((resolve) => {
    server.once("listening", () => resolve(true)).once("error", () => resolve(false))
    server.listen(port, "127.0.0.1")
  })
  if (free) await once(server.close(), "close")
  return free
}

/** Whether a server accepts connections on a port, or at the path of a Unix socket. */
export const answers = (place) =>
  new Promise((resolve) => {
    const socket = typeof place === "number" ? connect(place, "127.0.0.1") : connect(place)
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })
