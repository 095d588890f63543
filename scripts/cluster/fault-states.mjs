// What the nodes and the NATS servers of a cluster know of each other, kept when a round fails. Imported, not run.
import { execFile } from "node:child_process"
import { execPath } from "node:process"
import { promisify } from "node:util"
import { main } from "./processes.mjs"

const nodeState = async ({ control, name }) => {
  const args = [main, "nodes", "--json", "--socket", control]
  const found = await promisify(execFile)(execPath, args, { timeout: 10_000 }).catch(({ message }) => ({ message }))
  return found.message === undefined ? JSON.parse(found.stdout) : { name, error: found.message }
}

/** The streams of a server, with their copies and the consumers of the watches. */
const serverState = async ({ host, monitor, name }) => {
  const url = `http://${host}:${monitor}/jsz?streams=true&consumers=true&config=true`
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(({ message }) => ({ message }))
  return { name, ...(answer.ok ? { jetStream: await answer.json() } : { error: answer.message ?? answer.status }) }
}

/** An object with all that is known, for the file of a round. */
export const statesOf = async (nodes, servers) => ({
  at: new Date().toISOString(),
  nodes: await Promise.all(nodes.map(nodeState)),
  servers: await Promise.all(servers.map(serverState))
})

const seconds = (millis) => `${(millis / 1000).toFixed(1)} s`

/** Says in lines what each node knows of each other one, and how far each server has come with each stream. */
export const describeStates = ({ nodes, servers }) => [
  ...nodes.flatMap(({ cluster, error, name }) =>
    cluster === undefined ? [`${name}: ${error ?? "no node of a cluster"}`] : describeNode(cluster)
  ),
  ...servers.flatMap(describeServer)
]

const describeNode = ({ incarnation, isSuspended, node, others }) => [
  `${node} ${incarnation}${isSuspended ? " suspended" : ""}, knows ${others.length}`,
  ...others.map(
    (other) =>
      `${node} of ${other.name} ${other.incarnation}: silent for ${seconds(other.silentMillis)}, ` +
      `not heard by it for ${seconds(other.unheardMillis)}, ${other.sent} sent, ${other.acknowledged} acknowledged, ` +
      `${other.inFlightBytes} bytes on their way, ${other.taken} taken, ${other.early} early`
  )
]

const describeServer = ({ error, jetStream, name }) => {
  if (jetStream === undefined) return [`${name}: ${error}`]
  const streams = (jetStream.account_details ?? []).flatMap(({ stream_detail }) => stream_detail ?? [])
  return streams.map(({ cluster, consumer_detail: consumers = [], name: stream, state }) => {
    const waiting = consumers.filter(({ num_pending }) => num_pending > 0).map(describeConsumer)
    const last = `last ${state.last_seq}, leader ${cluster?.leader}`
    return `${name} ${stream}: ${last}; not all delivered: ${waiting.join(", ")}`
  })
}

/** A watch that was given up has a consumer for some time. */
const describeConsumer = ({ delivered, num_pending }) =>
  `${num_pending} after ${delivered.stream_seq}, the last at ${delivered.last_active?.slice(11, 19) ?? "no time"}`
