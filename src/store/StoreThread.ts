import * as Effect from "effect/Effect"
import { Worker } from "node:worker_threads"
import type { StoreState } from "../ports/Store.js"
import { StoreError, StoreOpenError } from "../ports/StoreError.js"
import type { StoreLimits } from "../ports/StoreUpkeep.js"
import type { FromThread, ThreadData, ToThread } from "./SqliteProtocol.js"
import * as SqlStore from "./SqlStore.js"

export interface SqliteOptions {
  /** The database file, which is created if it does not exist. Beside it are `PATH-wal` and `PATH-reserve`. */
  readonly path: string
  readonly limits: StoreLimits
  /** The script of the thread: `store-thread.cjs`, which the build makes from `SqliteThread.ts`. */
  readonly thread: string | URL
  /** A running thread with that script that waits for a store to open. */
  readonly started?: Worker | undefined
  /** Disk space to reserve for when the disk is full. By default 16 MiB. */
  readonly reserveBytes?: number | undefined
  /** Called if the thread does not end, because a system call does not return, as when a disk hangs. */
  readonly hangs?: (() => void) | undefined
}

const reserveBytes = 16 * 1024 * 1024

/** How long a thread may take to end. It copies the rest of the log into the file, which may be large. */
const closeMillis = 5_000

/** The pause after a thread that could not open the file, before another one is started. */
const retryMillis = 500

/**
 * Starts a thread that waits until a store uses it (`SqliteOptions.started`). It does not keep the process alive. If it
 * fails, the store starts another one and reports that one's failure.
 */
export const start = (file: string | URL): Worker => {
  const worker = new Worker(file)
  worker.unref()
  return worker.on("error", () => {})
}

type Settle = (answer: Effect.Effect<unknown, StoreError>) => void

/** A transaction of which only the file shows whether it was committed. */
interface Uncertain {
  readonly commits: number
  readonly result: unknown
  readonly failure: StoreError
  readonly settle: Settle
}

/**
 * Controls the thread of a store from the main thread. After a disk failure, the next request starts another thread,
 * which reopens the file.
 */
export class StoreThread {
  /** The id of the log when the store was first opened. */
  log = ""
  state: StoreState = "ok"
  /** The current limits, for threads that are started later. */
  limits: StoreLimits
  private current: Run | undefined
  private isClosed = false
  private retryAt = 0
  private uncertain: Uncertain | undefined
  private retry: NodeJS.Timeout | undefined
  private started: Worker | undefined

  constructor(private readonly options: SqliteOptions) {
    this.limits = options.limits
    this.started = options.started
  }

  /** Starts the first thread, and waits until the file is open. */
  readonly open: Effect.Effect<void, StoreOpenError> = Effect.async((resume) => {
    this.start((result) => resume(result))
  })

  /** Sends a request when the effect runs. It is carried out even if no fiber waits for the answer any more. */
  ask<A>(message: () => readonly [ToThread, ReadonlyArray<ArrayBuffer>?]): Effect.Effect<A, StoreError> {
    return Effect.async<A, StoreError>((resume) => {
      if (this.current === undefined && !this.restart()) return resume(Effect.fail(closed))
      const [request, moved = []] = message()
      // The thread answers this request with an A.
      this.current?.ask(request, moved, resume as Settle)
    })
  }

  /** Writes a copy of the file, while other requests continue. */
  backup(file: string): Effect.Effect<void, StoreError> {
    return Effect.async<void, StoreError>((resume) => {
      if (this.current === undefined && !this.restart()) return resume(Effect.fail(closed))
      // The thread answers a backup with nothing.
      this.current?.backup(file, resume as Settle)
    })
  }

  /** Ends the thread after all pending requests except a backup, which fails. A hanging thread is abandoned. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    this.isClosed = true
    clearTimeout(this.retry)
    this.decide(undefined) // the sender never learns it
    const run = this.current
    if (run === undefined) return resume(Effect.void)
    const deadline = setTimeout(() => {
      run.abandon()
      this.options.hangs?.()
      resume(Effect.void)
    }, closeMillis)
    run.close(() => {
      clearTimeout(deadline)
      resume(Effect.void)
    })
  })

  private restart(): boolean {
    if (this.isClosed || performance.now() < this.retryAt) return false
    this.start(() => {})
    return true
  }

  private start(opened: (result: Effect.Effect<void, StoreOpenError>) => void) {
    const { path, reserveBytes: reserve = reserveBytes, thread } = this.options
    const data: ThreadData = { path, limits: SqlStore.toSqlLimits(this.limits), reserveBytes: reserve }
    const { started } = this
    this.started = undefined
    // A worker that has already ended has no id.
    const worker = started === undefined || started.threadId < 0 ? new Worker(thread) : started
    this.current = new Run(worker, data, {
      opened: ({ commits, log }) => {
        this.log ||= log
        this.decide(commits)
        opened(Effect.void)
      },
      notOpened: (error, hasAnswered) => {
        // The thread may have failed before this listened to it. Another one will report why.
        if (worker === started && !hasAnswered) return this.start(opened)
        this.retryAt = performance.now() + retryMillis
        opened(Effect.fail(error))
      },
      state: (state) => (this.state = state),
      uncertain: (uncertain) => (this.uncertain = uncertain),
      ended: (run) => {
        if (this.current === run) this.current = undefined
        if (this.uncertain !== undefined) this.tryAgain()
      }
    })
  }

  /** Reopens the file without a new request, because only the file shows the outcome of the last one. */
  private tryAgain() {
    if (this.isClosed) return this.decide(undefined)
    if (this.current !== undefined || this.restart()) return
    this.retry ??= setTimeout(() => {
      this.retry = undefined
      this.tryAgain()
    }, retryMillis)
  }

  /** Answers the request whose outcome was unknown. */
  private decide(commits: number | undefined) {
    const { uncertain } = this
    if (uncertain === undefined) return
    this.uncertain = undefined
    const isCommitted = commits === uncertain.commits
    uncertain.settle(isCommitted ? Effect.succeed(uncertain.result) : Effect.fail(uncertain.failure))
  }
}

interface RunEvents {
  readonly opened: (message: FromThread & { readonly is: "open" }) => void
  /** `hasAnswered` is false if the thread has ended by itself. */
  readonly notOpened: (error: StoreOpenError, hasAnswered: boolean) => void
  readonly state: (state: StoreState) => void
  readonly uncertain: (uncertain: Uncertain) => void
  readonly ended: (run: Run) => void
}

/** One thread, from its start to its end. */
class Run {
  /** Unanswered requests, in order. */
  private readonly asked: Array<Settle> = []
  /** Backups that are being written, by their numbers. */
  private readonly backups = new Map<number, Settle>()
  private backupCount = 0
  private isOpen = false
  private hasEnded = false
  private readonly closing: Array<() => void> = []

  constructor(
    private readonly worker: Worker,
    data: ThreadData,
    private readonly events: RunEvents
  ) {
    this.worker.ref()
    this.worker.postMessage({ ask: "open", data } satisfies ToThread)
    this.worker.on("message", (message: FromThread) => this.receive(message))
    this.worker.on("error", (error) => this.end(`the thread of the store failed: ${String(error)}`))
    this.worker.on("exit", () => this.end("the store is closed"))
  }

  ask(request: ToThread, moved: ReadonlyArray<ArrayBuffer>, settle: Settle) {
    this.asked.push(settle)
    this.worker.postMessage(request, [...moved])
  }

  backup(file: string, settle: Settle) {
    this.backupCount += 1
    this.backups.set(this.backupCount, settle)
    this.worker.postMessage({ ask: "backup", id: this.backupCount, file } satisfies ToThread)
  }

  close(closed: () => void) {
    if (this.hasEnded) return closed()
    this.closing.push(closed)
    this.worker.postMessage({ ask: "close" } satisfies ToThread)
  }

  /** The thread no longer keeps the process alive. */
  abandon() {
    this.worker.unref()
  }

  private receive(message: FromThread) {
    if (message.is === "closed") {
      return this.end(message.description, new StoreOpenError(message))
    }
    if (message.is === "backup") return this.receiveBackup(message)
    this.events.state(message.state)
    if (message.is === "open") {
      this.isOpen = true
      return this.events.opened(message)
    }
    const settle = this.asked.shift()
    if (settle === undefined) return
    if (message.is === "done") return settle(Effect.succeed(message.result))
    const failure = new StoreError({ reason: message.reason, description: message.description })
    if (message.uncertain === undefined) settle(Effect.fail(failure))
    else this.events.uncertain({ ...message.uncertain, failure, settle })
  }

  private receiveBackup({ failure, id }: FromThread & { readonly is: "backup" }) {
    const settle = this.backups.get(id)
    this.backups.delete(id)
    const reason = "unavailable"
    settle?.(failure === undefined ? Effect.void : Effect.fail(new StoreError({ reason, description: failure })))
  }

  /** The thread has ended. It has not carried out any unanswered request. */
  private end(description: string, obstacle?: StoreOpenError) {
    if (this.hasEnded) return
    this.hasEnded = true
    if (!this.isOpen) {
      this.events.state("unavailable")
      const error = obstacle ?? new StoreOpenError({ reason: "not-accessible", description })
      this.events.notOpened(error, obstacle !== undefined)
    }
    const failure = new StoreError({ reason: "unavailable", description })
    for (const settle of [...this.asked.splice(0), ...this.backups.values()]) settle(Effect.fail(failure))
    this.backups.clear()
    for (const closed of this.closing.splice(0)) closed()
    this.events.ended(this)
  }
}

const closed = new StoreError({ reason: "unavailable", description: "the store cannot be opened at the moment" })
