import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Struct from "effect/Struct"
import { readFileSync } from "node:fs"
import * as Setting from "../settings/Setting.js"
import type { Origin, Values } from "../settings/Sources.js"
import type * as LimitFlags from "./LimitFlags.js"
import type * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"

/** `--cluster`: several servers that are one chat, connected by NATS. */

export interface ClusterServers {
  /** `nats://HOST:PORT` or `tls://HOST:PORT`. */
  readonly urls: ReadonlyArray<string>
  /** From `nats://USER:PASSWORD@HOST`. */
  readonly user?: { readonly name: string; readonly password: string } | undefined
  /** The setting without the password, for logs and messages. */
  readonly shown: string
}

const defaultPort = 4222

const example = "nats://chat1,chat2,chat3 or tls://chat1:4222"

/** The scheme of the first server applies to those after it. */
const parseServers = (text: string): Either.Either<ClusterServers, string> =>
  Either.gen(function* () {
    const [, given] = /^(nats|tls):\/\//u.exec(text) ?? []
    if (given === undefined) return yield* Either.left(`is not a list of servers such as ${example}`)
    const servers = yield* Either.all(text.split(",").map((part) => parseServer(part.trim(), given)))
    if (new Set(servers.map(({ scheme }) => scheme)).size > 1) {
      return yield* Either.left("has servers with TLS and without; use tls:// for all of them")
    }
    const [user, ...others] = servers.flatMap(({ user }) => user ?? [])
    if (others.some(({ name, password }) => name !== user?.name || password !== user.password)) {
      return yield* Either.left("has several users; all servers of a cluster know the same ones")
    }
    const urls = servers.map(({ url }) => url)
    return { urls, user, shown: urls.join(",") }
  })

const parseServer = (part: string, scheme: string) => {
  const text = part.includes("://") ? part : `${scheme}://${part}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isServer =
    url !== undefined && ["nats:", "tls:"].includes(url.protocol) && url.hostname !== "" && url.port !== "0"
  if (!isServer || !["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    return Either.left(`has a server that is not of the form ${example}`)
  }
  const { protocol } = url
  return Either.map(parseUser(url), (user) => ({
    scheme: protocol,
    url: `${protocol}//${url.hostname}:${url.port || defaultPort}`,
    user
  }))
}

const parseUser = ({ password, username }: URL): Either.Either<ClusterServers["user"], string> => {
  if (username === "" && password === "") return Either.right(undefined)
  if (username === "" || password === "") {
    return Either.left(
      "has a user without a password, or a password without a user; put a token into a file for --cluster-credentials"
    )
  }
  try {
    return Either.right({ name: decodeURIComponent(username), password: decodeURIComponent(password) })
  } catch {
    return Either.left("has a user or a password with a % that encodes nothing; write %25 for the % itself")
  }
}

const nodeName = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/u
const clusterName = /^[A-Za-z0-9_-]{1,32}$/u

const file = (name: string, about: string) => Setting.text(name, "file", { about, default: undefined })

export const settings = {
  cluster: Setting.parsed(
    "cluster",
    "nats://host,...",
    {
      about:
        "Form one chat with the other servers that use these NATS servers, with JetStream: one, or three that are a " +
        "cluster; tls://… for TLS. Accounts and rooms need --store to be a database that all servers share",
      default: undefined,
      defaultText: "off: a standalone server",
      isSecret: true
    },
    parseServers
  ),
  node: Setting.parsed(
    "node",
    "name",
    {
      about: "Name of this server among those of the cluster; no other one may have it",
      default: undefined,
      defaultText: "none; required with --cluster"
    },
    (text) =>
      nodeName.test(text)
        ? Either.right(text)
        : Either.left("is not a name of 1 to 32 lower-case letters, digits and -, with no - at either end")
  ),
  clusterName: Setting.parsed(
    "cluster-name",
    "name",
    {
      about: "Name of the chat on its NATS servers, which several chats may share",
      default: "achat",
      defaultText: "achat"
    },
    (text) =>
      clusterName.test(text) ? Either.right(text) : Either.left("is not a name of 1 to 32 letters, digits, - and _")
  ),
  clusterTerm: Setting.duration("cluster-term", {
    about:
      "A server that is silent for this long is taken for lost: its clients' names are free, and lines to them " +
      "return. It stops writing after two thirds of it. Of two servers with different ones, both are judged by the " +
      "longer",
    default: Duration.seconds(6),
    min: Duration.seconds(1),
    max: Duration.minutes(10)
  }),
  clusterWindow: Setting.bytes("cluster-window", {
    about: "Lines on their way to one other server; further ones wait in the queues of their recipients",
    default: 4 * 2 ** 20,
    min: 64 * 1024,
    max: 2 ** 30
  }),
  clusterWait: Setting.duration("cluster-wait", {
    about: "How long a server that starts tries to reach NATS before it gives up, with exit status 1",
    default: Duration.seconds(30),
    min: Duration.zero,
    max: Duration.hours(24)
  }),
  clusterCredentials: file(
    "cluster-credentials",
    "Credentials for NATS: a .creds file of nsc, the seed of an nkey, USER:PASSWORD, or a token"
  ),
  clusterCa: file("cluster-ca", "Authorities that sign the certificates of the NATS servers, in PEM, for tls://"),
  clusterCert: file("cluster-cert", "Certificate to show to the NATS servers, in PEM; needs --cluster-key"),
  clusterKey: file("cluster-key", "Private key of --cluster-cert, in PEM")
}

type Given = Values<typeof settings> &
  Pick<Values<typeof StoreFlags.settings>, "store"> &
  Pick<Values<typeof RoomFlags.settings>, "rooms"> &
  Pick<LimitFlags.GivenLimits, "maxLineBytes">

type Origins = { readonly [Key in keyof Given]: Origin }

/** The conflict between settings that are valid on their own; undefined if there is none. */
export const conflict = (given: Given, origins: Origins): string | undefined => {
  const { cluster } = given
  if (cluster === undefined) {
    const idle = keysOfCluster.find((key) => origins[key] !== "default")
    return idle && `--${settings[idle].name} has no effect without --cluster`
  }
  if (given.store !== undefined && !StoreFlags.isPostgres(given.store)) {
    return "--cluster: its servers can only share a store in a database; give all of them the same --store postgres://…"
  }
  if (given.store === undefined && given.rooms !== "off" && origins.rooms !== "default") {
    return `--rooms: ${given.rooms} is not possible with --cluster unless --store is a database`
  }
  if (given.maxLineBytes > maxLineBytes) {
    return "--max-line is at most 512 KiB with --cluster: a line and its recipients are one message of NATS"
  }
  if (given.node === undefined) return "--cluster needs --node: a name for this server that no other one has"
  return credentialsConflict(given, cluster, origins) ?? tlsConflict(given, cluster)
}

/** A frame has at most 256 KiB of lines or one line, besides names and outcomes; NATS takes 1 MiB. */
const maxLineBytes = 512 * 1024

/** A setting without effect is a mistake: the operator expects a cluster. */
const keysOfCluster = Struct.keys(Struct.omit(settings, "cluster"))

const credentialsConflict = (given: Given, { user }: ClusterServers, origins: Origins) => {
  if (user === undefined) return undefined
  if (given.clusterCredentials !== undefined) {
    return "--cluster has a user, and so has --cluster-credentials; leave one of them out"
  }
  return origins.cluster === "flag"
    ? "--cluster: everybody could see a password on the command line; put it into a file for --cluster-credentials, " +
        "or the addresses into the variable ACHAT_CLUSTER or the settings file"
    : undefined
}

const tlsConflict = (given: Given, { urls }: ClusterServers) => {
  if ((given.clusterCert === undefined) !== (given.clusterKey === undefined)) {
    return "--cluster-cert and --cluster-key belong together; give both or none"
  }
  const hasTls = urls.some((url) => url.startsWith("tls:"))
  const needsTls = (["clusterCa", "clusterCert"] as const).find((key) => given[key] !== undefined)
  return hasTls || needsTls === undefined
    ? undefined
    : `--${settings[needsTls].name} is for TLS; write tls:// in --cluster, or leave it out`
}

/** The text of a credentials file. Throws an error that says why it cannot be read. */
export const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    throw new Error(`--cluster-credentials: cannot read ${path}: ${String((error as NodeJS.ErrnoException).code)}`, {
      cause: error
    })
  }
}
