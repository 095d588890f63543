import type { ServerResponse } from "node:http"
import type { MemoryUse } from "../ports/Transport.js"

/** What one request holds of the server's memory budget, until its answer is read and everything is done. */
export class RequestMemory {
  private used = 0

  constructor(private readonly account: MemoryUse) {}

  /** Counts bytes if there is memory for them. */
  take(bytes: number): boolean {
    if (bytes > this.account.share) return false
    this.add(bytes)
    return true
  }

  /** Counts bytes that are used in any case. */
  add(bytes: number): void {
    this.used += bytes
    this.account.use(bytes)
  }

  /** Releases everything once the response is over. */
  releaseAfter(response: ServerResponse): void {
    if (response.destroyed) return this.release()
    response.on("close", () => this.release())
  }

  private release() {
    this.account.use(-this.used)
    this.used = 0
  }
}
