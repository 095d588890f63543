import type { OpenLineSocket } from "../model/Ports.js"

/** Where the page's own server takes WebSockets, and what they speak. */
const path = "/chat"
const subprotocol = "a-chat"

/** A WebSocket to the server that the page came from. */
export const open: OpenLineSocket = ({ closed, lines, opened }) => {
  const { host, protocol } = location
  const socket = new WebSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}${path}`, subprotocol)
  let rest = ""
  socket.addEventListener("open", () => opened())
  socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (typeof data !== "string") return
    const all = (rest + data).split("\n")
    rest = all.pop() ?? ""
    if (all.length > 0) lines(all)
  })
  // An error is always followed by a close.
  socket.addEventListener("close", () => closed())
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: () => socket.close()
  }
}
