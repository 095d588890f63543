// Free ports for servers that a script starts. Imported, not run.
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { connect, createServer } from "node:net"

// Below the range of ephemeral ports, in which any client might take a port between the check and its use.
const [lowest, highest] = [20_000, 32_000]

/** A port that no process listens on, and that was not returned before, not even to another process of this machine. */
export const freePort = async () => {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if ((await reserve(port)) && (await isFree(port))) return port
  }
}

/**
 * Keeps a port from the other scripts and tests until this process ends. A server takes a second to start on a busy
 * machine, and who started another one would meanwhile talk to that. UDP has port numbers of its own, so the one that
 * is bound here stands for the port, and the kernel frees it however this process ends.
 */
const reserve = (port) =>
  new Promise((resolve) => {
    const socket = createSocket("udp4")
    const refused = () => {
      socket.close()
      resolve(false)
    }
    socket.once("error", refused).bind({ address: "127.0.0.1", port, exclusive: true }, () => {
      socket.off("error", refused).unref()
      resolve(true)
    })
  })

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
