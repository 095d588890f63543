import type { Listen } from "../../src/ports/Transport.js"
import * as WebSocket from "../../src/transport/WebSocket.js"

export const webLimits: WebSocket.WebLimits = {
  maxMessageBytes: 4_194_304,
  maxHttpConnections: 64,
  requestTimeout: "10 seconds",
  pingInterval: "30 seconds"
}

/** Listens for WebSockets on a free port of 127.0.0.1. Every other request gets 404. */
export const overWebSocket = (tls: WebSocket.WebOptions["tls"], options: Partial<WebSocket.WebOptions> = {}): Listen =>
  WebSocket.listen("127.0.0.1", 0, {
    handler: (_, response) => response.writeHead(404).end("not found\n"),
    origins: [],
    limits: webLimits,
    tls,
    ...options
  })
