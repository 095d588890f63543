import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import * as Path from "node:path"
import { brotliCompressSync } from "node:zlib"
import * as Assets from "../../src/http/Assets.js"
import * as Handler from "../../src/http/Handler.js"
import { startSocketServer } from "../support/SocketServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { overWebSocket } from "../support/WebSocketServer.js"

const script = "console.log('page')\n"

/** Serves a small page. Returns how to send requests to it. */
const serving = Effect.gen(function* () {
  const root = Path.join(yield* temporaryFolder, "web")
  mkdirSync(root)
  writeFileSync(Path.join(root, "index.html"), "<!doctype html>")
  writeFileSync(Path.join(root, "app-5JQ2X7AB.js"), script)
  writeFileSync(Path.join(root, "app-5JQ2X7AB.js.br"), brotliCompressSync(script))
  const assets = Assets.read(root)
  const server = yield* startSocketServer({
    listen: [overWebSocket(undefined, { handler: Handler.make({ isLocal: true, origins: [], assets }) })]
  })
  return (path: string, { method = "GET", headers = {} }: Http.RequestOptions = {}) =>
    Effect.promise(
      () =>
        new Promise<Http.IncomingMessage & { readonly text: string }>((resolve, reject) => {
          const { port } = server.address
          Http.request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
            const chunks: Array<Buffer> = []
            response.on("data", (chunk: Buffer) => chunks.push(chunk))
            response.on("end", () =>
              resolve(Object.assign(response, { text: Buffer.concat(chunks).toString("latin1") }))
            )
          })
            .on("error", reject)
            .end()
        })
    )
})

describe("the files of the page", () => {
  it.scopedLive("are the page itself also where a link has parameters, and nothing else is", () =>
    Effect.gen(function* () {
      const request = yield* serving
      for (const path of ["/?x=1", "/?utm_source=mail&utm_medium=%23", "/?"]) {
        const { headers, statusCode, text } = yield* request(path)
        assert.deepStrictEqual([statusCode, text], [200, "<!doctype html>"], path)
        assert.match(String(headers["content-type"]), /^text\/html/u)
      }
      for (const path of ["/nothing?x=1", "//?x=1", "/index.html?x"])
        assert.strictEqual((yield* request(path)).statusCode, 404, path)
    })
  )

  it.scopedLive("cannot be shown within a page of another site, and run nothing that a text contains", () =>
    Effect.gen(function* () {
      const request = yield* serving
      for (const path of ["/", "/app-5JQ2X7AB.js", "/nothing"]) {
        const { headers } = yield* request(path)
        const policy = String(headers["content-security-policy"]).split("; ")
        for (const rule of [
          "default-src 'none'",
          "script-src 'self'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "form-action 'none'",
          "require-trusted-types-for 'script'"
        ]) {
          assert.include(policy, rule, path)
        }
        assert.notMatch(policy.join(), /unsafe|https?:|\*/u)
        assert.strictEqual(headers["x-frame-options"], "DENY")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        assert.strictEqual(headers["cross-origin-resource-policy"], "same-origin")
        assert.isUndefined(headers["access-control-allow-origin"])
      }
    })
  )

  it.scopedLive("are sent compressed to clients that take it, and not again to those that have them", () =>
    Effect.gen(function* () {
      const request = yield* serving
      const plain = yield* request("/app-5JQ2X7AB.js")
      assert.strictEqual(plain.text, script)
      assert.strictEqual(plain.headers["cache-control"], "public, max-age=31536000, immutable")
      const small = yield* request("/app-5JQ2X7AB.js", { headers: { "accept-encoding": "gzip, br" } })
      assert.strictEqual(small.headers["content-encoding"], "br")
      assert.strictEqual(small.text, brotliCompressSync(script).toString("latin1"))
      const { etag } = plain.headers
      const again = yield* request("/app-5JQ2X7AB.js", { headers: { "if-none-match": etag } })
      assert.deepStrictEqual([again.statusCode, again.text], [304, ""])
      assert.strictEqual((yield* request("/")).headers["cache-control"], "no-cache")
      assert.strictEqual((yield* request("/", { method: "HEAD" })).headers["content-length"], "15")
    })
  )

  it.scopedLive("are all that there is: no other path, method or host leads anywhere", () =>
    Effect.gen(function* () {
      const request = yield* serving
      for (const path of ["/index.html", "/app-5JQ2X7AB.js.br", "/../package.json", "/%2e%2e/package.json", "//"]) {
        assert.strictEqual((yield* request(path)).statusCode, 404, path)
      }
      const chat = yield* request("/chat")
      assert.deepStrictEqual([chat.statusCode, chat.headers.upgrade], [426, "websocket"])
      assert.strictEqual((yield* request("/", { method: "POST" })).statusCode, 405)
      assert.strictEqual((yield* request("/", { headers: { host: "evil.example" } })).statusCode, 421)
    })
  )
})
