import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import * as WireClient from "../support/WireClient.js"

/** What a process without WebAssembly is started with. */
const restrictions: Readonly<Record<string, Program.StartOptions>> = {
  "node --jitless": { environment: { NODE_OPTIONS: "--jitless" } },
  // V8 reserves 10 GiB of addresses for a WebAssembly memory.
  "ulimit -v 8000000": { before: "ulimit -v 8000000" }
}

for (const [restriction, options] of Object.entries(restrictions)) {
  describe(`a server under ${restriction}`, () => {
    it.scopedLive("warns once and routes every line as it must", () =>
      Effect.gen(function* () {
        const server = yield* Program.startServer(["--admin", "0"], options)
        const address = Tcp.address("127.0.0.1", Number(server.port))
        const alice = yield* WireClient.join(address, "alice")
        const bob = yield* WireClient.join(address, "bob")
        yield* alice.send("bob: one\n")
        yield* bob.expect("from alice: one")
        // Twice, since the second block goes the fast way, all lines at once.
        for (const round of [1, 2]) {
          yield* alice.send(`bob: ${round}\nbob: 5 µs, ä\tб 😀\nbob: ${"x".repeat(1000)}\n`)
          yield* bob.expect(`from alice: ${round}`, "from alice: 5 µs, ä\tб 😀", `from alice: ${"x".repeat(1000)}`)
        }
        yield* alice.send("bob: a\r\nbob: b\r\n")
        yield* bob.expect("from alice: a", "from alice: b")
        yield* alice.send("bob: c\nbob: \x07\nbob: d\nbob: \u0085e\u0085f\n")
        yield* alice.expect("! bad-line", "! bad-line")
        yield* bob.expect("from alice: c", "from alice: d")
        yield* alice.send(Buffer.from("bob: \xff\n", "latin1"))
        yield* alice.expect("! bad-line")
        yield* server.kill("SIGTERM")
        const { errors, status } = yield* server.ended
        assert.strictEqual(status, 0, errors)
        // The 11 lines above, and one of each client to itself when it joined.
        assert.match(errors, /accepted=13\b/u, errors)
        const warnings = errors.split("\n").filter((line) => line.includes("level=WARN"))
        assert.strictEqual(warnings.length, 1, errors)
        assert.match(warnings[0] ?? "", /WebAssembly does not run here/u)
        assert.isBelow(errors.indexOf("level=WARN"), errors.indexOf("message=listening"), errors)
      })
    )
  })
}
