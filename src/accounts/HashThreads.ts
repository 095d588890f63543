import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import * as Credentials from "./Credentials.js"
import type { HashAnswer, HashRequest } from "./HashProtocol.js"

export interface HashThreadsOptions {
  /** The script of a thread: `hash-thread.cjs`, which the build makes from `HashThread.ts`. */
  readonly file: string | URL
  /** The most threads. */
  readonly most: number
}

/**
 * Hashes passwords in threads of low priority, until the scope closes. In libuv's threads, which have the priority of
 * the event loop, a storm of logins would take a core from it (benchmark: 1,000 logins with passwords at once). The
 * first thread starts with the first password, because most servers check few passwords or none.
 */
export const make = (options: HashThreadsOptions): Effect.Effect<Credentials.Derive, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new HashThreads(options)),
      (threads) => threads.close
    ),
    (threads): Credentials.Derive =>
      (...work) =>
        Effect.catchTag(threads.hash(...work), "HashThreadEnded", ({ why }) =>
          Effect.logWarning("a thread for passwords has ended; other threads make its hashes").pipe(
            Effect.annotateLogs({ reason: why }),
            Effect.zipRight(Credentials.inLibuv(...work))
          )
        )
  )

class HashThreadEnded extends Data.TaggedError("HashThreadEnded")<{ readonly why: string }> {}

type Settle = (answer: Effect.Effect<Buffer, HashThreadEnded>) => void

class HashThreads {
  private readonly threads = new Set<Thread>()

  constructor(private readonly options: HashThreadsOptions) {}

  /** Once started, it cannot be interrupted. */
  hash(...[password, salt, cost, bytes]: Parameters<Credentials.Derive>): Effect.Effect<Buffer, HashThreadEnded> {
    return Effect.async((resume) => {
      // A copy, because posting a slice of a larger buffer would copy the whole buffer.
      const request = { password, salt: Uint8Array.from(salt), bytes, options: Credentials.scryptOptions(cost) }
      this.leastBusy().ask(request, resume)
    })
  }

  private leastBusy(): Thread {
    const [first] = [...this.threads].toSorted((one, other) => one.pending - other.pending)
    if (first !== undefined && (first.pending === 0 || this.threads.size >= this.options.most)) return first
    const started: Thread = new Thread(this.options.file, () => this.threads.delete(started))
    this.threads.add(started)
    return started
  }

  /** Ends the threads. Hashes under way fail. */
  get close(): Effect.Effect<void> {
    return Effect.promise(() => Promise.all(Array.from(this.threads, (thread) => thread.close())))
  }
}

class Thread {
  private readonly worker: Worker
  /** Unanswered requests, in order. */
  private readonly asked: Array<Settle> = []

  constructor(file: string | URL, ended: () => void) {
    const end = (why: string) => {
      ended()
      for (const settle of this.asked.splice(0)) settle(Effect.fail(new HashThreadEnded({ why })))
    }
    this.worker = new Worker(file)
    this.worker.unref() // the server keeps the process alive
    this.worker.on("message", (answer: HashAnswer) => this.asked.shift()?.(settled(answer)))
    this.worker.on("error", (error) => end(String(error)))
    this.worker.on("exit", (status) => end(`it has ended with ${status}`))
  }

  get pending(): number {
    return this.asked.length
  }

  ask(request: HashRequest, settle: Settle) {
    this.asked.push(settle)
    this.worker.postMessage(request)
  }

  close(): Promise<unknown> {
    this.asked.length = 0
    return this.worker.terminate()
  }
}

const settled = (answer: HashAnswer): Effect.Effect<Buffer> =>
  "hash" in answer ? Effect.succeed(Buffer.from(answer.hash)) : Effect.die(answer.failure)
