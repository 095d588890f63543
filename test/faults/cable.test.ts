import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { startChild } from "../support/OtherProcesses.js"
import { faultTest, received } from "../support/FaultTest.js"

/** The addresses of a cable's two ends, from the range for benchmarks (RFC 2544); different ones in each process. */
const subnet = `198.18.${process.pid % 256}`
const here = { device: `achat${process.pid}`, host: `${subnet}.1` }
const there = { device: "eth0", host: `${subnet}.2` }

const run = (command: string) => {
  const [file = "", ...args] = command.split(" ")
  return spawnSync(file, args)
}

const must = (command: string) =>
  Effect.sync(() => {
    const { status, stderr } = run(command)
    assert.strictEqual(status, 0, `${command}: ${stderr}`)
  })

/** A network namespace, which ends with its process, and a cable to it. */
const namespace = Effect.gen(function* () {
  const { pid } = yield* startChild("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 60"])
  yield* Effect.acquireRelease(
    must(`ip link add ${here.device} type veth peer name ${there.device} netns ${pid}`),
    // Otherwise the kernel would keep it for minutes, for what it still tries to send.
    () => must(`ip link del ${here.device}`)
  )
  yield* must(`ip addr add ${here.host}/30 dev ${here.device}`)
  yield* must(`ip link set ${here.device} up`)
  yield* must(`nsenter --target ${pid} --net ip addr add ${there.host}/30 dev ${there.device}`)
  yield* must(`nsenter --target ${pid} --net ip link set ${there.device} up`)
  return pid
})

/** A client at the other end of the cable that reads everything. */
const client = (pid: number | undefined, port: number) => {
  const script = `
    const socket = require("node:net").connect(${port}, "${here.host}")
    socket.write("far\\nfar: in\\n")
    socket.once("data", () => console.log("ready")).on("data", () => {})`
  return startChild("nsenter", ["--target", String(pid), "--net", process.execPath, "-e", script])
}

/** Why no cable can be pulled here. */
const noCable = () => {
  if (process.platform !== "linux") return "network namespaces are Linux's"
  const probe = run("unshare --net ip link add achat-probe type veth peer name eth0")
  return probe.status === 0 ? undefined : `no network namespace: ${probe.error?.message ?? String(probe.stderr).trim()}`
}

const pad = "x".repeat(30_000)

describe("a cable", () => {
  faultTest(
    "is pulled: senders are held, then get their outcomes, and in the end the name is free",
    {
      host: "0.0.0.0",
      args: ["--hold-timeout", "300ms", "--stall-timeout", "1s"],
      impossible: noCable()
    },
    (server) =>
      Effect.gen(function* () {
        const pid = yield* namespace
        yield* client(pid, server.port)
        const sender = yield* server.join("sender")
        yield* sender.send("far: before\n")
        yield* sender.barrier
        yield* must(`nsenter --target ${pid} --net ip link set ${there.device} down`)
        yield* sender.send(`far: ${pad}\n`.repeat(400))
        yield* server.closed(1, "slow-consumer")
        const reasons = new Map<string, number>()
        for (const line of yield* received(sender)) {
          const [, reason = line, count = 1] =
            /^! undelivered far reason=(\w+)(?: retry=\d+)?(?: count=(\d+))?: /.exec(line) ?? []
          reasons.set(reason, (reasons.get(reason) ?? 0) + Number(count))
        }
        assert.includeMembers([...reasons.keys()], ["busy", "slow"])
        const heir = yield* server.join("far")
        yield* sender.send("far: after\n")
        yield* heir.expect("from sender: after")
        return ({ accepted, dead, returned, written }) => {
          // What the kernel had taken counts as written. Whether it arrived cannot be known on this side.
          assert.strictEqual(accepted, 1 + 1 + 2 + 400 + 1 + 1)
          assert.strictEqual(
            returned,
            [...reasons.values()].reduce((sum, count) => sum + count, 0)
          )
          assert.strictEqual(dead, 0)
          assert.strictEqual(written, accepted - returned)
        }
      })
  )
})
