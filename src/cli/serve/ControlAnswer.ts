import * as Duration from "effect/Duration"
import * as Escape from "../../client/Escape.js"
import type { ListedHook } from "../../http/Hooks.js"
import type { ClusterState } from "../../telemetry/ClusterMetrics.js"
import type * as RoomOperations from "../../rooms/RoomOperations.js"
import * as Units from "../settings/Units.js"

/** An answer of the control socket (OPERATING.md). All fields but `ok` depend on the request. */
export interface ControlAnswer {
  readonly ok: boolean
  /** Why the request was refused, or carried out only in part. */
  readonly error?: string
  readonly kicked?: string
  readonly banned?: string
  /** Time until the end of the ban; null if it has none. */
  readonly leftMillis?: number | null
  /** Clients that a ban has disconnected. */
  readonly disconnected?: number
  readonly unbanned?: string
  readonly connections?: ReadonlyArray<ListedConnection>
  readonly bans?: ReadonlyArray<ListedBan>
  readonly changed?: ReadonlyArray<string>
  readonly needRestart?: ReadonlyArray<string>
  readonly until?: string
  readonly draining?: boolean
  /** The file of a complete backup. */
  readonly backup?: string
  /** The change to an account. */
  readonly account?: "added" | "password" | "removed" | "freed"
  /** The name of that account. */
  readonly name?: string
  readonly accounts?: ReadonlyArray<ListedAccount>
  /** The room that was changed, and the change. */
  readonly room?: string
  readonly done?: string
  readonly rooms?: ReadonlyArray<ListedRoom>
  /** The webhook that was added or removed. */
  readonly hook?: string
  /** The secret of a new webhook. */
  readonly secret?: string
  readonly hooks?: ReadonlyArray<ListedHook>
  /** A cluster node's view of itself and the others. */
  readonly cluster?: ClusterState
}

/** A room as it is listed, in JSON. */
interface ListedRoom extends Omit<RoomOperations.ListedRoom, "owner"> {
  readonly owner: string | null
}

export interface ListedAccount {
  readonly name: string
  /** In milliseconds since 1970. */
  readonly created: number
  readonly isRemoved: boolean
  readonly devices: ReadonlyArray<{ readonly name: string; readonly hasToken: boolean; readonly seen: number }>
}

interface ListedConnection {
  readonly name: string
  readonly remote: string
  readonly state: string
  readonly idleMillis: number
  readonly queueLines: number
}

interface ListedBan {
  readonly kind: "name" | "address"
  readonly banned: string
  readonly leftMillis: number | null
}

/** The answer in a line; undefined for any other line. */
export const parse = (line: string): ControlAnswer | undefined => {
  const found = parseObject(line)
  return typeof found?.["ok"] === "boolean" ? (found as unknown as ControlAnswer) : undefined
}

/** The version of the control socket that a server announces in its first line; undefined for any other line. */
export const versionIn = (line: string): number | undefined => {
  const version = parseObject(line)?.["control"]
  return typeof version === "number" ? version : undefined
}

const parseObject = (line: string): Record<string, unknown> | undefined => {
  try {
    const found: unknown = JSON.parse(line)
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The answer for people. */
export const text = (answer: ControlAnswer): string => {
  const { account, accounts, backup, bans, changed, connections, disconnected, kicked, unbanned } = answer
  const { cluster, done, hook, hooks, room, rooms, secret } = answer
  if (cluster !== undefined) return nodeTable(cluster)
  if (connections !== undefined) return lists(connections, bans ?? [])
  if (accounts !== undefined) return accountTable(accounts)
  if (account !== undefined) return `${accountTexts[account]} ${Escape.show(answer.name ?? "")}\n`
  if (rooms !== undefined) return roomTable(rooms)
  if (hooks !== undefined) return hookTable(hooks)
  if (hook !== undefined) return Escape.show(hookText(hook, secret))
  if (room !== undefined) return `${done ?? "done"} ${Escape.show(room)}\n`
  if (backup !== undefined) return `wrote ${Escape.show(backup)}\n`
  if (kicked !== undefined) return `kicked ${kicked}\n`
  if (unbanned !== undefined) return `lifted the ban of ${unbanned}\n`
  if (answer.banned !== undefined) {
    return `banned ${answer.banned} ${left(answer.leftMillis)}; clients disconnected: ${disconnected ?? 0}\n`
  }
  if (changed !== undefined) return reloaded(answer)
  return answer.draining === true ? "draining\n" : ""
}

const accountTexts = {
  added: "added",
  password: "changed the password of",
  removed: "removed",
  freed: "freed the name"
} as const

const accountTable = (accounts: ReadonlyArray<ListedAccount>) => {
  const rows = accounts.map(({ created, devices, isRemoved, name }) => [
    name,
    isRemoved ? "removed" : "active",
    new Date(created).toISOString().slice(0, 10),
    devices.length === 0 ? "-" : devices.map((device) => `${device.name}${device.hasToken ? "*" : ""}`).join(", ")
  ])
  return Escape.show(table([["NAME", "STATE", "CREATED", "DEVICES (* WITH A TOKEN)"], ...rows]))
}

const roomTable = (rooms: ReadonlyArray<ListedRoom>) => {
  const rows = rooms.map(({ here, isLocked, last, members, name, owner, slowMillis, topic }) => [
    name,
    String(members),
    String(here),
    String(last),
    owner ?? "-",
    [...(isLocked ? ["locked"] : []), ...(slowMillis > 0 ? ["slow"] : [])].join(" ") || "-",
    topic
  ])
  return Escape.show(table([["ROOM", "MEMBERS", "HERE", "LAST LINE", "OWNER", "STATE", "TOPIC"], ...rows]))
}

const nodeTable = (cluster: ClusterState) => {
  const { claims, foreign, grantMillis, inDoubt, isSuspended, names, node, others, queued, unreadable, windowBytes } =
    cluster
  const self = [node, isSuspended ? "this, suspended" : "this", cluster.incarnation || "-", "-", "-", "-"]
  const rows = others.map(({ inFlightBytes, incarnation, name, resent, silentMillis }) => [
    name,
    "here",
    incarnation,
    seconds(silentMillis),
    `${percent(inFlightBytes, windowBytes)} %`,
    String(resent)
  ])
  const lines = [
    `may write: ${isSuspended ? "no" : `yes, for the last ${seconds(grantMillis)}`}`,
    `names elsewhere: ${names}; asked for: ${claims.yours} got, ${claims.taken} taken, ${claims.unavailable} ` +
      `without an answer`,
    `lines from other nodes: ${foreign.received} came, ${foreign.delivered} delivered, ${foreign.returned} ` +
      `returned, ${queued} waiting`,
    `lines to other nodes that returned and may have arrived: ${inDoubt}; frames of theirs that were not readable: ` +
      `${unreadable}`
  ]
  const header = ["NODE", "STATE", "INCARNATION", "SILENT FOR", "WINDOW USED", "SENT AGAIN"]
  return Escape.show(`${table([header, self, ...rows])}\n${lines.join("\n")}\n`)
}

const seconds = (millis: number) => `${(millis / 1000).toFixed(1)} s`

const percent = (part: number, whole: number) => Math.round((100 * part) / whole)

/** The secret is on a line of its own, to be copied. */
const hookText = (hook: string, secret: string | undefined) =>
  secret === undefined
    ? `removed ${hook}\n`
    : `added ${hook}: it posts to /hook/${hook} with this secret, which is shown only now\n${secret}\n`

const hookTable = (hooks: ReadonlyArray<ListedHook>) => {
  const rows = hooks.map(({ created, id, kind, name, proof, rooms, template }) => [
    id,
    kind,
    name,
    rooms.join(", "),
    proof,
    new Date(created).toISOString().slice(0, 10),
    template ?? "-"
  ])
  return Escape.show(table([["HOOK", "KIND", "NAME", "ROOMS", "PROOF", "CREATED", "TEMPLATE"], ...rows]))
}

const left = (millis: number | null | undefined) => {
  if (millis === undefined || millis === null) return "until the server stops"
  const unit = millis > 10 * minute ? minute : second
  return `for ${Units.showDuration(Duration.millis(Math.ceil(millis / unit) * unit))}`
}

const second = 1000
const minute = 60 * second

const reloaded = ({ changed = [], needRestart = [], until }: ControlAnswer) =>
  [
    changed.length === 0 ? "no setting has changed" : `changed: ${changed.join(", ")}`,
    ...(needRestart.length === 0 ? [] : [`changed, but need a restart: ${needRestart.join(", ")}`]),
    ...(until === undefined ? [] : [`the certificate is read again, and expires at ${until}`])
  ]
    .map((line) => `${line}\n`)
    .join("")

const lists = (connections: ReadonlyArray<ListedConnection>, bans: ReadonlyArray<ListedBan>) => {
  const clients = connections.map(({ idleMillis, name, queueLines, remote, state }) => [
    name === "" ? "-" : name,
    remote,
    state,
    `${Math.floor(idleMillis / 1000)} s`,
    String(queueLines)
  ])
  const banned = bans.map(({ banned, kind, leftMillis }) => [banned, kind, left(leftMillis)])
  const parts = [
    table([["NAME", "FROM", "STATE", "SILENT FOR", "QUEUED LINES"], ...clients]),
    ...(banned.length === 0 ? [] : [table([["BANNED", "KIND", "HOW LONG"], ...banned])])
  ]
  return Escape.show(parts.join("\n"))
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`
    )
    .join("")
}
