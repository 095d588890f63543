// Machines with a network between them, as network namespaces of this one. Imported, not run.
//
// Each has two networks: one on which the servers of the cluster reach each other, which can be cut, and one for
// clients, which stays. The script itself is in the middle of both.
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { argv, env, execArgv, execPath, exit, platform } from "node:process"

const unshare = ["unshare", "--user", "--map-root-user", "--net"]
const inside = "ACHAT_CLUSTER_MACHINES"

const tried = (command) => {
  const [file, ...args] = command.split(" ")
  return spawnSync(file, args, { encoding: "utf8" })
}

/**
 * The start of a command that runs as a user who is not root, although it is the one that this script runs as: where
 * this script is root, there are no other users.
 */
export const asUser = () =>
  env[inside] === undefined ? undefined : ["unshare", "--user", "--map-user=1000", "--map-group=1000"]

/** Why there can be no machines; undefined if there can. */
export const noMachines = () => {
  if (env[inside] !== undefined) return undefined
  if (platform !== "linux") return "network namespaces are Linux's"
  // With policy routing, which drops packets without a word to their sender.
  const { error, status, stderr } = tried(`${unshare.join(" ")} ip rule add from 198.18.0.2 blackhole`)
  return status === 0 ? undefined : `no network namespaces: ${error?.message ?? stderr.trim()}`
}

/** Runs this script again where it is root of a network of its own, and ends with it. Returns there at once. */
export const enter = async () => {
  if (env[inside] === undefined) {
    const [command, ...args] = [...unshare, execPath, ...execArgv, ...argv.slice(1)]
    const script = spawn(command, args, { stdio: "inherit", env: { ...env, [inside]: "yes" } })
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => script.kill(signal))
    const [status] = await once(script, "exit")
    exit(status ?? 1)
  }
  run("ip link set lo up")
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1")
  // Otherwise a packet is dropped if its answer would be, and a cut in one direction would be one in both.
  for (const at of ["all", "default"]) writeFileSync(`/proc/sys/net/ipv4/conf/${at}/rp_filter`, "0")
}

const run = (command) => {
  const { error, status, stderr } = tried(command)
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim()}`)
}

let made = 0

/**
 * A machine: `within` is the start of a command that runs on it, `host` its address among the servers, `clientHost` the
 * one for clients, and `scriptHost` that of this script, from there, on the network for clients. Addresses are from the
 * range for benchmarks (RFC 2544).
 */
export const machine = async () => {
  const number = ++made
  const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec sleep 86400"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  process.on("exit", () => holder.kill("SIGKILL"))
  await once(holder.stdout, "data")
  const within = ["nsenter", "--target", String(holder.pid), "--net"]
  const inThere = (command) => run(`${within.join(" ")} ${command}`)
  inThere("ip link set lo up")
  const wire = (net, name) => {
    run(`ip link add ${name}${number} type veth peer name ${name} netns ${holder.pid}`)
    run(`ip addr add 198.${net}.${number}.1/30 dev ${name}${number}`)
    run(`ip link set ${name}${number} up`)
    inThere(`ip addr add 198.${net}.${number}.2/30 dev ${name}`)
    inThere(`ip link set ${name} up`)
  }
  wire(18, "cluster")
  wire(19, "clients")
  inThere(`ip route add 198.18.0.0/16 via 198.18.${number}.1`)
  return {
    within,
    host: `198.18.${number}.2`,
    clientHost: `198.19.${number}.2`,
    scriptHost: `198.19.${number}.1`,
    end: () => holder.kill("SIGKILL")
  }
}

/**
 * Drops what one machine sends to another, or to and from all others of its network: nobody gets an error. Returns what
 * ends it.
 */
export const drop = ({ from, to }) => {
  const rule = ["from", from?.host ?? "198.18.0.0/16", "to", to?.host ?? "198.18.0.0/16", "blackhole"].join(" ")
  run(`ip rule add ${rule}`)
  return () => run(`ip rule del ${rule}`)
}
