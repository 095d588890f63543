import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { createHmac } from "node:crypto"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import * as Hooks from "../../src/http/Hooks.js"
import { messages } from "../support/Conversations.js"
import { authorization, startDoor } from "../support/DoorServer.js"
import { eventually } from "../support/Eventually.js"
import { events } from "../support/HookPayloads.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const added = (hooks: Hooks.Hooks, hook: Partial<Hooks.NewHook> & Pick<Hooks.NewHook, "id" | "kind">) =>
  Effect.orDie(hooks.add({ name: undefined, rooms: ["#ops"], template: undefined, proof: undefined, ...hook }))

const inFolder = Effect.map(temporaryFolder, (path) => join(path, "hooks.json"))

/** A server with hooks, and a member of #ops and of #dev. */
const start = Effect.gen(function* () {
  const file = yield* inFolder
  const hooks = yield* Hooks.open(file)
  const door = yield* startDoor({ hooks, accounts: ["deploys"] })
  const dana = yield* door.join("dana")
  dana.say("/join #ops", "/join #dev")
  yield* dana.barrier
  return { ...door, dana, file, hooks }
})

/** As senders write the time: in seconds since 1970. */
const secondsAgo = (seconds: number) => String(Math.floor(Date.now() / 1_000) - seconds)

const [push] = events.filter(({ event, kind }) => kind === "github" && event === "push")
const body = JSON.stringify(push?.payload)
const signed = (secret: string, text = body) => ({
  "x-github-event": "push",
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(text).digest("hex")}`
})

describe("POST /hook", () => {
  it.scoped("makes a line of a signed event, for the rooms of the hook", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      const secret = yield* added(hooks, { id: "widgets", kind: "github", rooms: ["#ops", "#dev"] })
      const { json, status } = yield* ask("POST", "/hook/widgets", { body, headers: signed(secret) })
      assert.deepStrictEqual(
        [status, json.outcomes.map(({ outcome, to }: { outcome: string; to: string }) => [to, outcome])],
        [
          200,
          [
            ["#ops", "stored"],
            ["#dev", "stored"]
          ]
        ]
      )
      yield* eventually(() => messages(dana).length === 2, "the lines did not come")
      assert.sameMembers([...messages(dana)], [`from widgets #ops: ${push?.line}`, `from widgets #dev: ${push?.line}`])
    })
  )

  it.scoped("takes the form that GitHub sends if it is configured so", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      const secret = yield* added(hooks, { id: "widgets", kind: "github" })
      const form = new URLSearchParams({ payload: body }).toString()
      const headers = { ...signed(secret, form), "content-type": "application/x-www-form-urlencoded" }
      assert.strictEqual((yield* ask("POST", "/hook/widgets", { body: form, headers })).status, 200)
      yield* eventually(() => messages(dana).includes(`from widgets #ops: ${push?.line}`), "the line did not come")
    })
  )

  it.scoped("refuses a request without the sender's proof, in the same way as for a hook that does not exist", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      const secret = yield* added(hooks, { id: "widgets", kind: "github" })
      const bearer = yield* added(hooks, { id: "alerts", kind: "alertmanager" })
      const post = (path: string, headers: object, text = body) =>
        Effect.map(ask("POST", path, { body: text, headers: { ...headers } }), (response) => {
          assert.notInclude(response.text, secret)
          return [response.status, response.text]
        })
      const missing = yield* post("/hook/none", signed(secret))
      assert.strictEqual(missing[0], 401)
      const { "x-hub-signature-256": signature } = signed(secret)
      for (const headers of [
        {},
        signed("another secret"),
        { "x-hub-signature-256": signature.slice(0, -2) },
        { "x-hub-signature-256": "sha256=" },
        { authorization: `Bearer ${secret}` }
      ]) {
        assert.deepStrictEqual(yield* post("/hook/widgets", headers), missing)
      }
      assert.deepStrictEqual(yield* post("/hook/widgets", signed(secret), `${body} `), missing)
      assert.deepStrictEqual(yield* post("/hook/alerts", { authorization: `Bearer ${bearer}x` }), missing)
      assert.deepStrictEqual(yield* post("/hook/alerts", signed(secret)), missing)
      assert.deepStrictEqual(yield* post("/hook/alerts", { "x-gitlab-token": bearer }), missing)
      assert.deepStrictEqual(yield* post("/hook", {}), missing)
      yield* dana.barrier
      assert.isEmpty(messages(dana))
    })
  )

  it.scoped("takes as long for a hook that does not exist as for any other", () =>
    Effect.gen(function* () {
      const hooks = yield* Hooks.open(yield* inFolder)
      yield* added(hooks, { id: "widgets", kind: "github" })
      yield* added(hooks, { id: "alerts", kind: "alertmanager" })
      const large = Buffer.alloc(4_000_000, "x")
      const headers = { "x-hub-signature-256": `sha256=${"0".repeat(64)}`, authorization: "Bearer wrong" }
      const ids = ["widgets", "alerts", "none"]
      const shortest = new Map(ids.map((id) => [id, Infinity]))
      for (let round = 0; round < 15; round++) {
        for (const id of ids) {
          const began = performance.now()
          assert.isUndefined(hooks.proven(id, headers, large))
          shortest.set(id, Math.min(shortest.get(id) ?? Infinity, performance.now() - began))
        }
      }
      const times = [...shortest.values()]
      // The signature of a body of this size takes a thousand times as long as a secret.
      assert.isBelow(Math.max(...times), 3 * Math.min(...times), String(times))
    })
  )

  it.scoped("takes the secret of other kinds from a header", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      for (const { kind, line, payload } of events.filter(({ kind }) => kind !== "github")) {
        const id = `from-${kind}-${messages(dana).length}`
        const secret = yield* added(hooks, { id, kind })
        const headers = kind === "gitlab" ? { "x-gitlab-token": secret } : { authorization: `Bearer ${secret}` }
        const { status } = yield* ask("POST", `/hook/${id}`, { body: JSON.stringify(payload), headers })
        assert.strictEqual(status, 200)
        yield* eventually(() => messages(dana).includes(`from ${id} #ops: ${line}`), `no line of ${kind}`)
      }
    })
  )

  it.scoped("takes a signed time of the last minutes only, and none that is moved into the body", () =>
    Effect.gen(function* () {
      const { ask, hooks } = yield* start
      const [merge] = events.filter(({ kind }) => kind === "gitlab")
      const [alert] = events.filter(({ kind }) => kind === "grafana")
      const merged = JSON.stringify(merge?.payload)
      const alerted = JSON.stringify(alert?.payload)
      const gitlab = yield* added(hooks, { id: "merges", kind: "gitlab", proof: "signature" })
      const grafana = yield* added(hooks, { id: "alerts", kind: "grafana", proof: "signature" })
      const post = (path: string, text: string, headers: object) =>
        Effect.map(ask("POST", `/hook/${path}`, { body: text, headers: { ...headers } }), ({ status }) => status)
      const ofGrafana = (timestamp: string) => ({
        "x-grafana-alerting-timestamp": timestamp,
        "x-grafana-alerting-signature": createHmac("sha256", grafana).update(`${timestamp}:${alerted}`).digest("hex")
      })
      const ofGitLab = (timestamp: string) => {
        const key = Buffer.from(gitlab.slice("whsec_".length), "base64")
        const signature = createHmac("sha256", key).update(`1.${timestamp}.${merged}`).digest("base64")
        return { "webhook-id": "1", "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` }
      }
      for (const [seconds, status] of [
        [0, 200],
        [290, 200],
        [310, 401],
        [-290, 200],
        [-310, 401]
      ] as const) {
        const timestamp = secondsAgo(seconds)
        assert.strictEqual(yield* post("alerts", alerted, ofGrafana(timestamp)), status, `Grafana, ${seconds} s ago`)
        assert.strictEqual(yield* post("merges", merged, ofGitLab(timestamp)), status, `GitLab, ${seconds} s ago`)
      }
      const signed = ofGrafana(secondsAgo(0))
      const { "x-grafana-alerting-signature": signature, "x-grafana-alerting-timestamp": timestamp } = signed
      const wrong: ReadonlyArray<readonly [text: string, headers: object]> = [
        [`${alerted} `, signed],
        [alerted, { ...signed, "x-grafana-alerting-timestamp": secondsAgo(-1) }],
        [alerted, { ...signed, "x-grafana-alerting-timestamp": `${timestamp}:` }],
        [alerted, { "x-grafana-alerting-signature": signature }],
        [`${timestamp}:${alerted}`, { "x-grafana-alerting-signature": signature }]
      ]
      for (const [text, headers] of wrong) assert.strictEqual(yield* post("alerts", text, headers), 401)
    })
  )

  it.scoped("takes the signatures that GitLab and Grafana make, over exactly what they have sent", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      const [merge] = events.filter(({ kind }) => kind === "gitlab")
      const [alert] = events.filter(({ kind }) => kind === "grafana")
      const gitlab = yield* added(hooks, { id: "merges", kind: "gitlab", proof: "signature" })
      const grafana = yield* added(hooks, { id: "alerts", kind: "grafana", proof: "signature" })
      // GitLab takes 32 bytes in Base64, after this prefix.
      assert.match(gitlab, /^whsec_[\w+/]{43}=$/u)
      const [id, timestamp] = ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", secondsAgo(0)]
      const texts = [merge, alert].map((event) => JSON.stringify(event?.payload))
      const [merged = "", alerted = ""] = texts
      const byGitLab = createHmac("sha256", Buffer.from(gitlab.slice("whsec_".length), "base64"))
        .update(`${id}.${timestamp}.${merged}`)
        .digest("base64")
      const byGrafana = createHmac("sha256", grafana).update(alerted).digest("hex")
      const ofGitLab = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${byGitLab}` }
      const ofGrafana = { "x-grafana-alerting-signature": byGrafana }
      const post = (path: string, text: string, headers: object) =>
        Effect.map(ask("POST", `/hook/${path}`, { body: text, headers: { ...headers } }), ({ status }) => status)
      assert.strictEqual(yield* post("merges", merged, ofGitLab), 200)
      assert.strictEqual(yield* post("alerts", alerted, ofGrafana), 200)
      // While a key changes, there are two signatures.
      const two = { ...ofGitLab, "webhook-signature": `v1,${"A".repeat(43)}= v1,${byGitLab}` }
      assert.strictEqual(yield* post("merges", merged, two), 200)
      const wrong: ReadonlyArray<readonly [path: string, text: string, headers: object]> = [
        ["merges", `${merged} `, ofGitLab],
        ["merges", merged, { ...ofGitLab, "webhook-id": "another" }],
        ["merges", merged, { ...ofGitLab, "webhook-timestamp": secondsAgo(-1) }],
        ["merges", merged, { ...ofGitLab, "webhook-signature": byGitLab }],
        ["merges", merged.slice(1), { ...ofGitLab, "webhook-timestamp": `${timestamp}.${merged.slice(0, 1)}` }],
        ["merges", merged, { "x-gitlab-token": gitlab }],
        ["alerts", `${alerted} `, ofGrafana],
        ["alerts", alerted, { authorization: `Bearer ${grafana}` }],
        // Each form is that of its own kind.
        ["alerts", alerted, { ...ofGitLab }],
        ["merges", merged, { ...ofGrafana }]
      ]
      for (const [path, text, headers] of wrong) assert.strictEqual(yield* post(path, text, headers), 401, path)
      yield* dana.barrier
      assert.sameMembers(
        messages(dana).map((line) => line.replace(/^from \w+ #ops: /u, "")),
        [merge?.line, merge?.line, alert?.line]
      )
    })
  )

  it.scoped("uses the template of a hook for any payload, and answers 204 where nothing is in it", () =>
    Effect.gen(function* () {
      const { ask, dana, hooks } = yield* start
      const secret = yield* added(hooks, { id: "ci", kind: "custom", template: "{app} {version} is on {host}" })
      const headers = { authorization: `Bearer ${secret}` }
      const payload = JSON.stringify({ app: "shop", version: "1.2\n* forged", host: "web1" })
      assert.strictEqual((yield* ask("POST", "/hook/ci", { body: payload, headers })).status, 200)
      yield* eventually(() => messages(dana).length === 1, "the line did not come")
      assert.deepStrictEqual(messages(dana), ["from ci #ops: shop 1.2 * forged is on web1"])
      assert.strictEqual((yield* ask("POST", "/hook/ci", { body: "{}", headers })).status, 204)
      assert.strictEqual((yield* ask("POST", "/hook/ci", { body: "not json", headers })).status, 400)
    })
  )

  it.scoped("posts as the account of its name, and once for a delivery that is repeated", () =>
    Effect.gen(function* () {
      const { ask, hooks, operations } = yield* start
      yield* Effect.orDie(operations.create("#plans", "alice"))
      yield* Effect.orDie(operations.act("lock", "#plans", ""))
      const secret = yield* added(hooks, { id: "widgets", kind: "github", name: "deploys", rooms: ["#plans"] })
      const headers = { ...signed(secret), "x-github-delivery": "72d3162e" }
      const post = ask("POST", "/hook/widgets", { body, headers })
      const locked = yield* post
      assert.deepStrictEqual([locked.status, locked.json.error.code], [403, "policy"])
      yield* Effect.orDie(operations.act("invite", "#plans", "deploys"))
      const [first, again] = [yield* post, yield* post]
      assert.deepStrictEqual([first.status, again.status], [200, 200])
      assert.deepStrictEqual([first.json.outcomes[0].again, again.json.outcomes[0].again], [undefined, true])
      const { json } = yield* ask("GET", "/history/%23plans", { headers: authorization("alice") })
      assert.deepStrictEqual(
        json.lines.map(({ from, text }: { from: string; text: string }) => [from, text]),
        [["deploys", push?.line]]
      )
    })
  )

  it.scoped("has a secret that logs no client in, and cannot be used for anything else", () =>
    Effect.gen(function* () {
      const { ask, hooks } = yield* start
      const secret = yield* added(hooks, { id: "ci", kind: "custom", name: "deploys", template: "{x}" })
      const headers = { authorization: `Bearer ${secret}` }
      assert.strictEqual((yield* ask("POST", "/send/bob?from=deploys", { body: "hi", headers })).status, 401)
      assert.strictEqual((yield* ask("GET", "/history/bob?from=deploys", { headers })).status, 401)
      assert.strictEqual((yield* ask("GET", "/listen?from=deploys", { headers })).status, 401)
    })
  )
})

describe("The file of webhooks", () => {
  it.scoped("keeps them over a restart, for its owner only, and no secret that is sent as it is", () =>
    Effect.gen(function* () {
      const file = yield* inFolder
      const hooks = yield* Hooks.open(file)
      const secret = yield* added(hooks, { id: "alerts", kind: "alertmanager" })
      const signing = yield* added(hooks, { id: "widgets", kind: "github" })
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const text = readFileSync(file, "utf8")
      assert.notInclude(text, secret)
      // A signature cannot be checked with a hash of its key.
      assert.include(text, signing)
      const opened = yield* Hooks.open(file)
      const headers = { authorization: `Bearer ${secret}` }
      assert.strictEqual(opened.proven("alerts", headers, Buffer.alloc(0))?.id, "alerts")
      assert.isTrue(yield* Effect.orDie(opened.remove("alerts")))
      assert.isFalse(yield* Effect.orDie(opened.remove("alerts")))
      assert.isUndefined(opened.proven("alerts", headers, Buffer.alloc(0)))
      assert.deepStrictEqual(
        (yield* Hooks.open(file)).list.map(({ id }) => id),
        ["widgets"]
      )
      assert.notInclude(JSON.stringify(opened.list), signing)
    })
  )

  it.scoped("is refused if others can read it, or if it has something else", () =>
    Effect.gen(function* () {
      const file = yield* inFolder
      yield* added(yield* Hooks.open(file), { id: "alerts", kind: "alertmanager" })
      chmodSync(file, 0o644)
      const open = Effect.map(Effect.either(Hooks.open(file)), (opened) =>
        Either.match(opened, { onLeft: ({ message }) => message, onRight: () => "" })
      )
      assert.match(yield* open, /others can read it/u)
      chmodSync(file, 0o600)
      writeFileSync(file, readFileSync(file, "utf8").replace("#ops", "ops"))
      assert.match(yield* open, /hook alerts: "ops" is not a room/u)
      writeFileSync(file, "{}")
      assert.match(yield* open, /has no hooks/u)
    })
  )

  it.scoped("takes no hook that could not work", () =>
    Effect.gen(function* () {
      const hooks = yield* Hooks.open(yield* inFolder)
      yield* added(hooks, { id: "ci", kind: "grafana" })
      const why = (hook: Partial<Hooks.NewHook>) =>
        Effect.flip(
          hooks.add({
            id: "x",
            kind: "grafana",
            name: undefined,
            rooms: ["#ops"],
            template: undefined,
            proof: undefined,
            ...hook
          })
        )
      assert.match(yield* why({ id: "ci" }), /there already is a hook ci/u)
      assert.match(yield* why({ id: "A/b" }), /an id has/u)
      assert.match(yield* why({ name: "a b" }), /not a name/u)
      assert.match(yield* why({ rooms: [] }), /needs a room/u)
      assert.match(yield* why({ rooms: ["bob"] }), /not a room/u)
      assert.match(yield* why({ kind: "custom" }), /needs a template/u)
      assert.match(yield* why({ template: "{" }), /has no \}/u)
      assert.deepStrictEqual(
        hooks.list.map(({ id }) => id),
        ["ci"]
      )
    })
  )
})
