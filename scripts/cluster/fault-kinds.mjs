// What can happen to a cluster. Imported, not run.
import { rmSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { drop } from "./machines.mjs"

/**
 * By name: the shape of the cluster, what happens in words for the table of OPERATING.md, and the fault itself. `term`
 * is in milliseconds; `node`, `others` and `server` are chosen at random. With `keeps`, only where there is a database.
 */
export const kinds = {
  kill: {
    shape: "three",
    what: "a node is killed and started again",
    act: async ({ node, random, term }) => {
      await node.end("SIGKILL")
      await setTimeout(500 + random() * 2 * term)
      await node.start()
    }
  },
  pause: {
    shape: "three",
    what: "a node is stopped for a third of the term",
    act: ({ node, term }) => paused([node], term / 3)
  },
  "long-pause": {
    shape: "three",
    what: "a node is stopped for five terms",
    act: ({ node, term }) => paused([node], 5 * term)
  },
  cut: {
    shape: "three",
    what: "a node is cut off from NATS for two terms",
    act: ({ node, term }) => cut(node, "both", 2 * term)
  },
  "cut-out": {
    shape: "three",
    what: "the same, for what it sends",
    act: ({ node, term }) => cut(node, "out", 2 * term)
  },
  "cut-in": {
    shape: "three",
    what: "the same, for what it receives",
    act: ({ node, term }) => cut(node, "in", 2 * term)
  },
  "short-cut": {
    shape: "three",
    what: "a node is cut off for a third of the term",
    act: ({ node, term }) => cut(node, "both", term / 3)
  },
  "nats-kill": {
    shape: "three",
    what: "one of three NATS servers is killed, and started again after two terms",
    act: ({ server, term }) => restarted([server], 2 * term)
  },
  "nats-pause": {
    shape: "three",
    what: "one of three NATS servers is stopped for two terms",
    act: ({ server, term }) => paused([server], 2 * term)
  },
  "nats-all": {
    shape: "three",
    what: "all three are killed, and start again without their entries",
    act: ({ servers }) => restarted(servers, 500, forget)
  },
  engine: {
    shape: "one",
    what: "the only NATS server is killed, and started again after a second",
    act: ({ server }) => restarted([server], 1000)
  },
  "engine-long": {
    shape: "one",
    what: "the same, after one and a half terms",
    act: ({ server, term }) => restarted([server], 1.5 * term)
  },
  "clock-forward": {
    shape: "clocks",
    what: "the wall clock of a node is set an hour forward, and back after a term",
    act: ({ node, term }) => stepped(node, 3600, term)
  },
  "clock-back": {
    shape: "clocks",
    what: "the same, an hour back",
    act: ({ node, term }) => stepped(node, -3600, term)
  },
  "clock-swings": {
    shape: "clocks",
    what: "the wall clock of a node goes two seconds forward and back ten times",
    act: async ({ node, term }) => {
      for (let i = 0; i < 10; i++) await stepped(node, 2, term / 20, term / 20)
    }
  },
  "machine-kill": {
    shape: "machines",
    what: "a machine, with its node and its NATS server, is killed and started again",
    act: async ({ node, random, term }) => {
      await Promise.all([node.end("SIGKILL"), node.server.end("SIGKILL")])
      await setTimeout(500 + random() * 2 * term)
      await Promise.all([node.server.start(), node.start()])
    }
  },
  "machine-pause": {
    shape: "machines",
    what: "a machine stands still for five terms",
    act: ({ node, term }) => paused([node, node.server], 5 * term)
  },
  "machine-cut": {
    shape: "machines",
    what: "a machine is cut off from the others for two terms",
    act: ({ node, term }) => cut(node, "both", 2 * term)
  },
  "machine-cut-out": {
    shape: "machines",
    what: "the same, for what it sends",
    act: ({ node, term }) => cut(node, "out", 2 * term)
  },
  "machine-cut-in": {
    shape: "machines",
    what: "the same, for what it receives",
    act: ({ node, term }) => cut(node, "in", 2 * term)
  },
  "pair-cut": {
    shape: "machines",
    what: "two machines do not reach each other for two terms, and both reach the third",
    act: ({ node, others: [other], term }) =>
      until(2 * term, [
        drop({ from: node.machine, to: other.machine }),
        drop({ from: other.machine, to: node.machine })
      ])
  },
  "pair-cut-out": {
    shape: "machines",
    what: "the same, in one direction",
    act: ({ node, others: [other], term }) => until(2 * term, [drop({ from: node.machine, to: other.machine })])
  },
  "postgres-kill": {
    shape: "three",
    keeps: true,
    what: "the database is killed, and started again after half a second",
    act: async ({ database }) => {
      await database.crash()
      await setTimeout(500)
      await database.start()
    }
  },
  "postgres-stop": {
    shape: "three",
    keeps: true,
    what: "the database is stopped for two terms",
    act: async ({ database, term }) => {
      await database.end("SIGINT")
      await setTimeout(2 * term)
      await database.start()
    }
  },
  "postgres-pause": {
    shape: "three",
    keeps: true,
    what: "the database stands still for two terms",
    act: async ({ database, term }) => {
      database.signalAll("SIGSTOP")
      await setTimeout(2 * term)
      database.signalAll("SIGCONT")
    }
  },
  "store-cut": {
    shape: "three",
    keeps: true,
    what: "a node is cut off from the database for a second",
    act: ({ node }) => until(1000, [node.cutStore("both")])
  },
  "store-cut-long": {
    shape: "three",
    keeps: true,
    what: "the same, for two terms",
    act: ({ node, term }) => until(2 * term, [node.cutStore("both")])
  },
  "store-cut-out": {
    shape: "three",
    keeps: true,
    what: "the same, for what it sends",
    act: ({ node, term }) => until(2 * term, [node.cutStore("out")])
  },
  "store-cut-in": {
    shape: "three",
    keeps: true,
    what: "the same, for what it receives",
    act: ({ node, term }) => until(2 * term, [node.cutStore("in")])
  },
  "postgres-and-node": {
    shape: "three",
    keeps: true,
    what: "a node and the database are killed, and started again",
    act: async ({ database, node, random, term }) => {
      await Promise.all([database.crash(), node.end("SIGKILL")])
      await setTimeout(500 + random() * term)
      await Promise.all([database.start(), node.start()])
    }
  }
}

const paused = async (processes, millis) => {
  for (const process of processes) process.signal("SIGSTOP")
  await setTimeout(millis)
  for (const process of processes) process.signal("SIGCONT")
}

const cut = (node, direction, millis) => until(millis, [node.cut(direction)])

const until = async (millis, ends) => {
  await setTimeout(millis)
  for (const end of ends) end()
}

/** What a NATS server has on its disk is lost. */
const forget = ({ data }) => rmSync(data, { recursive: true, force: true })

const restarted = async (servers, millis, meanwhile = () => {}) => {
  await Promise.all(servers.map((server) => server.end("SIGKILL")))
  servers.forEach(meanwhile)
  await setTimeout(millis)
  await Promise.all(servers.map((server) => server.start()))
}

const stepped = async ({ clock }, seconds, millis, after = 0) => {
  clock.set(seconds)
  await setTimeout(millis)
  clock.set(0)
  await setTimeout(after)
}
