import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import type { Keyring } from "../../client/Keyring.js"
import type { SeenRecord } from "../../client/LastSeen.js"
import type { LoginRefused } from "../../client/Login.js"
import * as TokenExchange from "../../client/TokenExchange.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as RegularFile from "../../process/RegularFile.js"
import * as ExitStatus from "../ExitStatus.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Setting from "../settings/Setting.js"
import * as Variables from "../settings/Variables.js"
import type { Resolved } from "../settings/Sources.js"
import type * as ConnectFlags from "./ConnectFlags.js"
import * as HiddenPrompt from "./HiddenPrompt.js"
import * as SeenFile from "./SeenFile.js"
import * as TokenFile from "./TokenFile.js"

/**
 * The secrets of the clients. There is no flag for a password, because every user of the machine can see the flags of a
 * program. The first login with a password fetches a token for the device, which is kept for later logins.
 */

export const settings = {
  passwordFile: Setting.text("password-file", "file", {
    about: "File whose first line is the password of the login's account; see also the variable ACHAT_PASSWORD",
    default: undefined
  }),
  passwordCommand: Setting.text("password-command", "command", {
    about: "Shell command that prints the password of the login's account, such as a password manager",
    default: undefined
  }),
  insecurePasswords: Setting.toggle(
    "insecure-passwords",
    "Send passwords and tokens over connections that others can read, without TLS"
  )
}

type Given = ConnectFlags.GivenConnection & Resolved<typeof settings>

/** What a client needs to know of the login's account: the options of the same names in the client library. */
export interface LoginSecret {
  readonly secret: Effect.Effect<string> | undefined
  readonly insecure: boolean
  readonly hasAccount: boolean | undefined
}

/** @param login `alice`, or `alice/phone` */
export const keyring = (
  given: Given,
  socket: Effect.Effect<Socket, TransportError>,
  login: string
): Keyring<ExitStatus.Failure> => {
  const { insecurePasswords: insecure } = given.values
  const file = TokenFile.path(process.env, serverOf(given), login)
  const enter = (password: string) =>
    TokenExchange.run({ socket, login, password, insecure }).pipe(
      Effect.tap((token) => (token === undefined ? Effect.void : keep(file, token))),
      Effect.map((token) => token ?? password),
      // The client that is about to log in reports the error, and may retry.
      Effect.catchTags({ TransportError: () => Effect.succeed(password), Unsendable: () => Effect.succeed(password) })
    )
  return {
    insecure,
    find: Effect.gen(function* () {
      const kept = yield* TokenFile.read(file)
      if (kept !== undefined) return { secret: kept, isKeptToken: true }
      const password = yield* passwordOf(given)
      return password === undefined ? undefined : { secret: yield* enter(password), isKeptToken: false }
    }),
    enter,
    forget: TokenFile.remove(file)
  }
}

/** The server in the names of state files. Of several servers all, regardless of their order. */
export const serverOf = (given: Given) => {
  const texts = (AddressFlags.servers(given) ?? []).map(({ text }) => text)
  return `${given.values.tls ? "tls " : ""}${texts.toSorted().join(",")}`
}

/** The messages already received under this login; undefined for a guest, for whom none are kept. */
export const seenRecord = (
  given: Given,
  login: string,
  { hasAccount = false, secret }: LoginSecret
): Effect.Effect<SeenRecord | undefined, never, Scope.Scope> =>
  secret === undefined && !hasAccount
    ? Effect.succeed(undefined)
    : SeenFile.open(SeenFile.path(process.env, serverOf(given), login), ExitStatus.say)

const keep = (file: string, token: string) =>
  Effect.catchAll(TokenFile.write(file, token), (error) => Effect.sync(() => ExitStatus.say(error.message)))

/**
 * Runs a client with the secret of its login, if there is one: the kept token, or else the given password. A token is
 * cheaper for the server than a password, and remains valid when the password changes. If the server refuses the token,
 * it is deleted, and the password fetches a new one. If the server requires a password that was not given, or refuses
 * the typed one, the user is asked at the terminal.
 *
 * @param login undefined if the name was generated, since no secret can be for such a name
 */
export const use = <A, E extends { readonly _tag: string }, R>(
  given: Given,
  socket: Effect.Effect<Socket, TransportError>,
  login: string | undefined,
  run: (secret: LoginSecret) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ExitStatus.Failure, R> =>
  Effect.gen(function* () {
    const { insecurePasswords: insecure, cert } = given.values
    const hasAccount = cert === undefined ? undefined : true
    if (login === undefined) return yield* run({ secret: undefined, insecure, hasAccount })
    const { enter, find, forget } = keyring(given, socket, login)
    const runWith = (secret: string | undefined) =>
      run({ secret: secret === undefined ? undefined : Effect.succeed(secret), insecure, hasAccount })
    /** Asks for the password, and again if it is wrong. */
    const ask = (tries: number, error: E): Effect.Effect<A, E | ExitStatus.Failure, R> =>
      Effect.flatMap(HiddenPrompt.password(login), (password) => {
        if (password === undefined || password === "") return Effect.fail(error)
        const entered = Effect.mapError(enter(password), refusal)
        return entered.pipe(
          Effect.flatMap(runWith),
          Effect.catchIf(
            (failure) => tries < maxAsked && isWrongSecret(failure),
            (failure) => {
              ExitStatus.say("message" in failure ? String(failure.message) : "wrong password")
              return ask(tries + 1, error)
            }
          )
        )
      })
    const askIf = (wants: (error: E) => boolean, self: Effect.Effect<A, E, R>) =>
      HiddenPrompt.isPossible() ? Effect.catchIf(self, wants, (error) => ask(1, error)) : self

    const found = yield* Effect.mapError(find, refusal)
    if (found === undefined) {
      return yield* Effect.catchIf(askIf(isPasswordRequired, runWith(undefined)), isPasswordRequired, () =>
        Effect.fail(notGiven(login))
      )
    }
    if (!found.isKeptToken) return yield* runWith(found.secret)
    return yield* Effect.catchIf(runWith(found.secret), isWrongSecret, (error) =>
      Effect.gen(function* () {
        yield* forget
        const password = yield* Effect.mapError(find, refusal)
        if (password !== undefined) return yield* runWith(password.secret)
        return yield* askIf(() => true, Effect.fail(error))
      })
    )
  })

/** How often the user may type a wrong password. */
const maxAsked = 3

const isWrongSecret = (error: object): boolean => "code" in error && error.code === "wrong-password"

const isPasswordRequired = (error: object): boolean => "code" in error && error.code === "password-required"

/** Replaces the server's text, which is for users who type the login. */
const notGiven = (login: string): ExitStatus.Failure => {
  const message =
    `password-required: ${login} belongs to an account, or looks like one; its password comes from ` +
    "--password-file, --password-command or the variable ACHAT_PASSWORD"
  return ExitStatus.asMisuse({ message, code: "password-required" })
}

const refusal = (error: ExitStatus.Failure | LoginRefused): ExitStatus.Failure =>
  error instanceof ExitStatus.Failure ? error : ExitStatus.asMisuse(error)

/** The longest password file, and the longest output of a password command, in bytes. */
const maxPasswordBytes = 4096

/** The password that the user has given, without asking for it. */
export const passwordOf = ({
  values
}: Pick<Given, "values">): Effect.Effect<string | undefined, ExitStatus.Failure> => {
  const { passwordCommand, passwordFile } = values
  if (passwordFile !== undefined && passwordCommand !== undefined) {
    return ExitStatus.misused("--password-file replaces --password-command; give one or the other")
  }
  if (passwordFile !== undefined) {
    return Effect.flatMap(
      Effect.tryPromise({
        try: () => RegularFile.read(passwordFile, maxPasswordBytes),
        catch: (cause) => ExitStatus.asMisuse({ message: `--password-file ${passwordFile}: ${messageOf(cause)}` })
      }),
      (bytes) => firstLine(bytes.toString(), `--password-file ${passwordFile}`)
    )
  }
  if (passwordCommand !== undefined) {
    return Effect.flatMap(output(passwordCommand), (text) => firstLine(text, "--password-command"))
  }
  const inVariable = process.env[Variables.password] ?? ""
  return Effect.succeed(inVariable === "" ? undefined : inVariable)
}

const firstLine = (text: string, place: string) => {
  const [line = ""] = text.split(/\r?\n/u)
  return line === "" ? ExitStatus.misused(`${place}: there is no password`) : Effect.succeed(line)
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/** Runs a shell command, and returns its output. The command may ask the user at the terminal. */
const output = (command: string): Effect.Effect<string, ExitStatus.Failure> =>
  Effect.async((resume) => {
    const fail = (why: string) => resume(ExitStatus.misused(`--password-command: ${why}`))
    const child = spawn("sh", ["-c", command], { stdio: ["inherit", "pipe", "inherit"] })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (more: string) => (text = (text + more).slice(0, maxPasswordBytes)))
    child.on("error", (error) => fail(error.message))
    child.on("close", (status, signal) =>
      status === 0
        ? resume(Effect.succeed(text))
        : fail(signal === null ? `exit status ${status}` : `ended by ${signal}`)
    )
    return Effect.sync(() => child.kill())
  })
