import * as Effect from "effect/Effect"
import { strict as assert } from "node:assert"
import { spawnSync } from "node:child_process"
import { startChild } from "./OtherProcesses.js"

/**
 * Two machines with a cable between them: network namespaces of a user namespace, so that no privileges are needed. A
 * test reaches programs on the first one through a Unix socket.
 */

/** The addresses, from the range for benchmarks (RFC 2544). */
export const [here, there] = ["198.18.0.1", "198.18.0.2"]

const run = (command: ReadonlyArray<string>) => {
  const [file = "", ...args] = command
  return spawnSync(file, args, { encoding: "utf8" })
}

const newNamespace = ["unshare", "--user", "--map-root-user", "--net"]
const probe = "ip link add eth0 type veth peer name eth1"

/** Why there are no namespaces here; undefined if there are. */
export const noNamespaces = (): string | undefined => {
  if (process.platform !== "linux") return "network namespaces are Linux's"
  const { error, status, stderr } = run([...newNamespace, ...probe.split(" ")])
  return status === 0 ? undefined : `no network namespaces: ${error?.message ?? stderr.trim()}`
}

/** The start of a command that runs in the namespaces of a process. */
const inside = (pid: number | undefined) => `nsenter --target ${pid} --user --net --preserve-credentials`.split(" ")

const idle = ["sh", "-c", "echo ready; exec sleep 300"]

/** Runs a command on a machine. */
export const output = (machine: ReadonlyArray<string>, command: string): Effect.Effect<string> =>
  Effect.sync(() => {
    const { status, stderr, stdout } = run([...machine, ...command.split(" ")])
    assert.equal(status, 0, `${command}: ${stderr}`)
    return stdout
  })

export const machines = Effect.gen(function* () {
  const [unshare = "", ...options] = newNamespace
  const onFirst = inside((yield* startChild(unshare, [...options, ...idle])).pid)
  const [nsenter = "", ...first] = onFirst
  const second = (yield* startChild(nsenter, [...first, "unshare", "--net", ...idle])).pid
  const onSecond = inside(second)
  yield* output(onFirst, "ip link set lo up")
  yield* output(onFirst, `ip link add eth0 type veth peer name eth0 netns ${second}`)
  for (const [machine, host] of [
    [onFirst, here],
    [onSecond, there]
  ] as const) {
    yield* output(machine, `ip addr add ${host}/30 dev eth0`)
    yield* output(machine, "ip link set eth0 up")
  }
  return {
    /** The start of a command on each machine. */
    onFirst,
    onSecond,
    /** Pulls the cable out of the second machine, so that the first one gets no error. */
    pullCable: output(onSecond, "ip link set eth0 down"),
    plugIn: output(onSecond, "ip link set eth0 up")
  }
})
