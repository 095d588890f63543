import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { child } from "../support/elsewhere.js"
import { fault, received } from "../support/siege.js"

/** Two ends of a cable, of the range that is meant for benchmarks (RFC 2544). */
const here = { device: `achat${process.pid}`, host: "198.18.77.1" }
const there = { device: "eth0", host: "198.18.77.2" }

const run = (command: string) => {
  const [file = "", ...args] = command.split(" ")
  return spawnSync(file, args)
}

/** A network namespace of its own, which is gone with its process, and so is the cable to it. */
const namespace = Effect.gen(function* () {
  const { pid } = yield* child("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 60"])
  for (const command of [
    `ip link add ${here.device} type veth peer name ${there.device} netns ${pid}`,
    `ip addr add ${here.host}/30 dev ${here.device}`,
    `ip link set ${here.device} up`,
    `nsenter --target ${pid} --net ip addr add ${there.host}/30 dev ${there.device}`,
    `nsenter --target ${pid} --net ip link set ${there.device} up`
  ]) {
    const { status, stderr } = run(command)
    if (status !== 0) return yield* Effect.dieMessage(`${command}: ${stderr}`)
  }
  return pid
})
