import * as Effect from "effect/Effect"
import type { IncomingMessage } from "node:http"
import * as HttpRefusal from "./HttpRefusal.js"

/**
 * Reads the body of a request. Fails as soon as it is known to be longer than `maxBytes`; the rest is then not read, and the
 * connection has to end with the response.
 */
export const read = (request: IncomingMessage, maxBytes: number): Effect.Effect<Buffer, HttpRefusal.HttpRefusal> =>
  Effect.async((resume) => {
    const tooLarge = () => {
      stop()
      request.pause()
      resume(Effect.fail(tooLong(maxBytes)))
    }
    // Copied, not collected: a body in chunks of one byte would be a million Buffers, of some 400 bytes each.
    let body = Buffer.alloc(0)
    let length = 0
    const take = (chunk: Buffer) => {
      const before = length
      length += chunk.length
      if (length > maxBytes) return tooLarge()
      if (length > body.length) {
        const larger = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(length, 2 * body.length, 1024)))
        body.copy(larger, 0, 0, before)
        body = larger
      }
      chunk.copy(body, before)
    }
    const end = () => {
      stop()
      resume(Effect.succeed(body.subarray(0, length)))
    }
    // The client has gone: nobody reads the response.
    const broken = () => {
      stop()
      resume(Effect.fail(HttpRefusal.badRequest("the request ended in the middle of its body")))
    }
    const stop = () => {
      request.off("data", take)
      request.off("end", end)
      request.off("close", broken)
    }
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLarge()
    request.on("data", take)
    request.on("end", end)
    request.on("close", broken)
    return Effect.sync(stop)
  })

const tooLong = (maxBytes: number) =>
  new HttpRefusal.HttpRefusal({ status: 413, code: "too-long", text: `a body has at most ${maxBytes} bytes` })
