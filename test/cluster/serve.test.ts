import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as NatsServers from "../support/NatsServers.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"
import * as Tcp from "../../src/transport/Tcp.js"

const serving = (node: string, url: string, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const control = join(folder, "control")
    const own = ["--cluster", url, "--node", node, "--control", control, "--admin", "0"]
    const server = yield* Program.startServer([...own, ...flags])
    const admin = yield* server.says("errors", /message="admin listening" address=(\S+)/u)
    const get = (path: string) =>
      Effect.promise(async () => {
        const answer = await fetch(`http://${admin}${path}`)
        return { status: answer.status, text: await answer.text() }
      })
    return { server, control, get, address: Tcp.address("127.0.0.1", Number(server.port)) }
  })

/** Waits until a server has joined the others. */
const ready = (get: (path: string) => Effect.Effect<{ readonly status: number }>) =>
  Effect.gen(function* () {
    for (let i = 0; i < 100; i++) {
      if ((yield* get("/readyz")).status === 200) return
      yield* Effect.sleep("100 millis")
    }
    throw new Error("the node is not ready")
  })

describe.skipIf(NatsServers.missing)("a-chat serve --cluster", () => {
  it.scopedLive("is one chat over several servers, and shows it", () =>
    Effect.gen(function* () {
      const { url } = yield* NatsServers.one()
      const [a, b] = yield* Effect.all([serving("a", url), serving("b", url)], { concurrency: 2 })
      yield* ready(a.get)
      yield* ready(b.get)
      yield* a.server.says("errors", /message="node joined" .*node=b/u)
      const alice = yield* WireClient.join(a.address, "alice")
      const bob = yield* WireClient.join(b.address, "bob")
      yield* bob.send("/hello\n@k1 alice: hi\n")
      yield* alice.expect("from bob: hi")
      assert.match(yield* bob.line, /^\* hello /u)
      assert.match(yield* bob.line, /^\* written @k1 alice: /u)
      const again = yield* WireClient.connect(b.address)
      yield* again.send("alice\n")
      assert.match(yield* again.line, /^! login-in-use alice fatal: /u)
      const { output, status } = yield* Program.run(["nodes", "--socket", a.control])
      assert.strictEqual(status, 0)
      assert.match(output, /^NODE +STATE +INCARNATION .*\na +this +[0-9a-f]{16} .*\nb +here +[0-9a-f]{16} /u)
      assert.match(output, /\nlines from other nodes: 1 came, 1 delivered, 0 returned, 0 waiting\n/u)
      const json = JSON.parse((yield* Program.run(["nodes", "--json", "--socket", a.control])).output) as object
      assert.nestedPropertyVal(json, "cluster.others[0].name", "b")
      const { text } = yield* a.get("/metrics")
      for (const line of [
        "achat_cluster_nodes 2",
        "achat_cluster_suspended 0",
        'achat_cluster_claims_total{result="yours"} 1',
        "achat_cluster_foreign_delivered_total 1",
        'achat_cluster_link_window_bytes{node="b"} 0'
      ]) {
        assert.include(text, `\n${line}\n`)
      }
      assert.match(text, /\nachat_cluster_unheard_seconds\{node="b"\} [01]\./u)
      assert.nestedPropertyVal(JSON.parse((yield* a.get("/nodes")).text), "cluster.node", "a")
      yield* b.server.kill("SIGTERM")
      assert.strictEqual(yield* b.server.exited, 0)
      // It has left in order: nobody waits for the end of its term.
      yield* a.server.says("errors", /message="node lost" .*node=b/u)
      yield* a.server.kill("SIGTERM")
      assert.strictEqual(yield* a.server.exited, 0)
    })
  )

  it.scopedLive("is not ready while it is cut off from the others, and then goes on", () =>
    Effect.gen(function* () {
      const engine = yield* NatsServers.one()
      const a = yield* serving("a", engine.url, "--cluster-term", "1s")
      yield* ready(a.get)
      yield* engine.signal("SIGSTOP")
      yield* a.server.says("errors", /message="suspended: /u)
      const { status, text } = yield* a.get("/readyz")
      assert.deepStrictEqual([status, text], [503, "suspended: cut off from the other nodes\n"])
      const late = yield* WireClient.connect(a.address)
      yield* late.send("carol\n")
      assert.match(yield* late.line, /^! slow-down retry=\d+ fatal: /u)
      yield* a.server.says("errors", /level=WARN .*message="the connection to NATS is lost" server=127\.0\.0\.1:\d+ /u)
      yield* engine.signal("SIGCONT")
      yield* a.server.says("errors", /level=INFO .*message="connected to NATS again" server=127\.0\.0\.1:\d+/u)
      yield* ready(a.get)
    })
  )

  it.scopedLive("takes a user from a file or a variable, and a certificate", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const certificates = join(dirname(import.meta.dirname), "certificates")
      const [certificate, key] = [join(certificates, "server.pem"), join(certificates, "server.key.pem")]
      const secure = ["--user", "me", "--pass", "secret word", "--tls", "--tlscert", certificate, "--tlskey", key]
      const engine = yield* NatsServers.one(...secure)
      const file = join(folder, "credentials")
      writeFileSync(file, "me:secret\n")
      const url = engine.url.replace("nats:", "tls:").replace("127.0.0.1", "localhost")
      const ca = ["--cluster-ca", join(certificates, "ca.pem")]
      const flags = ["serve", "--port", "0", "--cluster", url, "--node", "a", ...ca, "--cluster-wait", "0"]
      const wrong = yield* Program.runProcess([...flags, "--cluster-credentials", file])
      assert.strictEqual(wrong.status, 1)
      assert.match(wrong.errors, /no NATS server of tls:\S+ can be used: '?Authorization Violation/iu)
      const untrusted = yield* Program.runProcess(flags.filter((flag) => !ca.includes(flag)))
      assert.match(untrusted.errors, /can be used: .*certificate/u)
      const login = encodeURIComponent("secret word")
      const server = yield* Program.startServer(["--node", "a", ...ca, "--control", join(folder, "c")], {
        environment: { ACHAT_CLUSTER: url.replace("://", `://me:${login}@`) }
      })
      yield* server.says("errors", /message="control listening"/u)
    })
  )

  it.scopedLive("exits with 1 when no NATS server answers in time, after a warning", () =>
    Effect.gen(function* () {
      const flags = ["--cluster", "nats://127.0.0.1:9", "--node", "a", "--cluster-wait", "1s"]
      const { errors, status } = yield* Program.runProcess(["serve", "--port", "0", ...flags])
      assert.strictEqual(status, 1)
      assert.match(errors, /message="cannot reach the other nodes yet" reason="connection refused"/u)
      assert.include(errors, "a-chat: no NATS server of nats://127.0.0.1:9 can be used: connection refused\n")
    })
  )
})

describe("a-chat serve", () => {
  it.effect("refuses a cluster with a store that its servers cannot share", () =>
    Effect.gen(function* () {
      const flags = ["--cluster", "nats://127.0.0.1:9", "--node", "a", "--store", "memory"]
      const { errors, status } = yield* Program.run(["serve", "--port", "0", ...flags])
      assert.strictEqual(status, 2)
      assert.strictEqual(errors.split("\n").length, 2)
      assert.include(errors, "--cluster: its servers can only share a store in a database")
    })
  )

  it.scopedLive("needs no file of NATS without --cluster", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "dist")
      mkdirSync(folder)
      Program.copyBuilt(folder)
      rmSync(join(folder, "nats.cjs"))
      const through = ["sh", "-c", 'node=$1; shift 2; exec "$node" "$0/main.js" "$@"', folder]
      yield* Program.startServer([], { through })
      const flags = ["serve", "--port", "0", "--cluster", "nats://127.0.0.1:9", "--node", "a"]
      const { errors } = yield* Program.runProcess(flags, { through })
      assert.include(errors, "nats.cjs")
    })
  )
})
