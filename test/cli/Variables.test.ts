import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ServerSettings from "../../src/cli/serve/ServerSettings.js"
import * as Variables from "../../src/cli/settings/Variables.js"
import * as Program from "../support/Program.js"

const unknown = (environment: Record<string, string>) =>
  Variables.unknown(environment, Object.values(ServerSettings.settings))

/** What a pod gets for the services `achat` and `achat-admin`. */
const kubernetes = {
  ACHAT_SERVICE_HOST: "10.0.0.1",
  ACHAT_SERVICE_PORT: "8080",
  ACHAT_SERVICE_PORT_CHAT: "8080",
  ACHAT_PORT: "tcp://10.0.0.1:8080",
  ACHAT_PORT_8080_TCP: "tcp://10.0.0.1:8080",
  ACHAT_PORT_8080_TCP_PROTO: "tcp",
  ACHAT_PORT_8080_TCP_PORT: "8080",
  ACHAT_PORT_8080_TCP_ADDR: "10.0.0.1",
  ACHAT_ADMIN_SERVICE_HOST: "10.0.0.2",
  ACHAT_ADMIN_PORT: "tcp://10.0.0.2:9000",
  ACHAT_ADMIN_PORT_9000_TCP: "tcp://10.0.0.2:9000"
}

describe("Variables.unknown", () => {
  const table: ReadonlyArray<readonly [Record<string, string>, ReadonlyArray<string>]> = [
    [{ ACHAT_PORT: "1", ACHAT_LOG_LEVEL: "debug", PATH: "/bin", ACHATTER: "x" }, []],
    [{ ACHAT_PROT: "1" }, ["ACHAT_PROT is not a setting; did you mean ACHAT_PORT?"]],
    [{ "ACHAT_MAX-LINE": "1" }, ["ACHAT_MAX-LINE is not a setting; did you mean ACHAT_MAX_LINE?"]],
    [{ ACHAT_port: "1" }, ["ACHAT_port is not a setting; did you mean ACHAT_PORT?"]],
    [{ ACHAT_SPEED: "1" }, ["ACHAT_SPEED is not a setting"]],
    [{ ACHAT_SPEED: "" }, []],
    [{ ACHAT_ADMIN_PORT: "9000" }, ["ACHAT_ADMIN_PORT is not a setting"]],
    [kubernetes, []]
  ]
  for (const [environment, expected] of table) {
    it(`returns ${JSON.stringify(expected)} for ${Object.keys(environment).join(", ")}`, () =>
      assert.deepStrictEqual(unknown(environment), expected))
  }
})

describe("A variable without meaning", () => {
  it.scopedLive("is a warning in the log of serve, which starts", () =>
    Effect.gen(function* () {
      const environment = { ACHAT_PROT: "1", ACHAT_MAX_LINE: "4KiB" }
      const server = yield* Program.startServer([], { environment })
      yield* server.says(
        "errors",
        /level=WARN .*message="a variable has no effect" mistake="ACHAT_PROT is not a setting; did you mean ACHAT_PORT\?"/u
      )
    })
  )

  it.live("is a line on standard error of another command, which runs, and not of its help", () =>
    Effect.gen(function* () {
      const environment = { ACHAT_PROT: "1" }
      const { errors, status } = yield* Program.run(["config", "--check"], { environment })
      assert.deepStrictEqual(
        [status, errors],
        [0, "a-chat: warning: ACHAT_PROT is not a setting; did you mean ACHAT_PORT?\n"]
      )
      assert.strictEqual((yield* Program.run(["config", "--help"], { environment })).errors, "")
      assert.strictEqual((yield* Program.run(["--version"], { environment })).errors, "")
    })
  )

  it.scopedLive("is ignored when Kubernetes sets it, and so is its ACHAT_PORT, which is not a port", () =>
    Effect.gen(function* () {
      const { errors, output, status } = yield* Program.run(["config"], { environment: kubernetes })
      assert.deepStrictEqual([status, errors], [0, ""])
      assert.match(output, /^port +8080 +default$/mu)
    })
  )
})
