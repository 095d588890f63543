import * as Effect from "effect/Effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as HttpRefusal from "./HttpRefusal.js"
import type { RequestMemory } from "./RequestMemory.js"

/** A request whose body is read. */
export interface BodyRequest {
  readonly request: IncomingMessage
  readonly response: Pick<ServerResponse, "writeContinue">
  readonly memory: Pick<RequestMemory, "take">
}

/**
 * Reads the body of a request. Fails as soon as it is known to be longer than `maxBytes`, or there is no memory for it;
 * the rest is then not read, and the connection has to end with the response.
 */
export const read = (
  { memory, request, response }: BodyRequest,
  maxBytes: number
): Effect.Effect<Buffer, HttpRefusal.HttpRefusal> =>
  Effect.async((resume) => {
    const giveUp = (why: HttpRefusal.HttpRefusal) => {
      stop()
      request.pause()
      resume(Effect.fail(why))
    }
    // Copied, not collected: a body in chunks of one byte would be a million Buffers, of some 400 bytes each.
    let body = Buffer.alloc(0)
    let length = 0
    const take = (chunk: Buffer) => {
      const before = length
      length += chunk.length
      if (length > maxBytes) return giveUp(tooLong(maxBytes))
      if (length > body.length) {
        const bytes = Math.min(maxBytes, Math.max(length, 2 * body.length, 1024))
        if (!memory.take(bytes - body.length)) return giveUp(HttpRefusal.noMemory)
        const larger = Buffer.allocUnsafe(bytes)
        body.copy(larger, 0, 0, before)
        body = larger
      }
      chunk.copy(body, before)
    }
    const end = () => {
      stop()
      resume(Effect.succeed(body.subarray(0, length)))
    }
    // The client has gone, so the response is not read.
    const broken = () => {
      stop()
      resume(Effect.fail(HttpRefusal.badRequest("the request ended in the middle of its body")))
    }
    const stop = () => {
      request.off("data", take)
      request.off("end", end)
      request.off("close", broken)
    }
    if (Number(request.headers["content-length"] ?? 0) > maxBytes) return giveUp(tooLong(maxBytes))
    // curl sends a large body only after this, so it does not send one that is refused. HTTP/1.0 has no such answer
    // (RFC 9110, 10.1.1).
    if (request.headers.expect !== undefined && request.httpVersion === "1.1") response.writeContinue()
    request.on("data", take)
    request.on("end", end)
    request.on("close", broken)
    return Effect.sync(stop)
  })

const tooLong = (maxBytes: number) =>
  new HttpRefusal.HttpRefusal({ status: 413, code: "too-long", text: `a body has at most ${maxBytes} bytes` })
