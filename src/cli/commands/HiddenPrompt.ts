import * as Effect from "effect/Effect"
import { StringDecoder } from "node:string_decoder"
import * as Escape from "../../client/Escape.js"
import * as ExitStatus from "../ExitStatus.js"

/** Whether there is a terminal to ask at. */
export const isPossible = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** Asks at the terminal for a line without echoing it. Undefined if the user does not want to answer. */
const ask = (question: string): Effect.Effect<string | undefined> =>
  Effect.async((resume) => {
    const { stderr, stdin } = process
    const decoder = new StringDecoder("utf8")
    let text = ""
    const stop = () => {
      stdin.off("data", take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write("\n")
    }
    const done = (answer: string | undefined) => {
      stop()
      resume(Effect.succeed(answer))
    }
    const take = (bytes: Buffer) => {
      for (const character of decoder.write(bytes)) {
        if (character === "\r" || character === "\n") return done(text)
        if (character === "\u0003" || character === "\u0004") return done(undefined) // Ctrl-C, Ctrl-D
        if (character === "\u007f" || character === "\b") text = [...text].slice(0, -1).join("")
        else if (character === "\u0015")
          text = "" // Ctrl-U
        else text += character
      }
    }
    // First: otherwise the terminal would echo keys typed as soon as the question appears.
    stdin.setRawMode(true)
    stderr.write(`${question}: `)
    stdin.on("data", take)
    stdin.resume()
    return Effect.sync(stop)
  })

/** Asks for the password of a login. */
export const password = (login: string): Effect.Effect<string | undefined> => ask(`password of ${Escape.show(login)}`)

/** Asks twice for a new password. */
export const newPassword: Effect.Effect<string, ExitStatus.Failure> = Effect.gen(function* () {
  const first = yield* ask("new password")
  const second = first === undefined || first === "" ? undefined : yield* ask("the same again")
  if (first === undefined || second === undefined) return yield* ExitStatus.misused("there is no password")
  return first === second ? first : yield* ExitStatus.misused("the passwords differ")
})
