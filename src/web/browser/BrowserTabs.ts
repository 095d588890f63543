import type { Tabs } from "../model/Page.js"

/**
 * One tab of a browser connects for a user at a time, which a Web Lock decides: tabs that took the connection from each
 * other would never come to rest. Browsers have locks only on secure origins. Without them, the server ends the
 * connection of the other tab, or refuses the name, and no tab comes back by itself after that.
 */
export class BrowserTabs implements Tabs {
  private held: (() => void) | undefined = undefined

  async claim(name: string, lost: () => void): Promise<boolean> {
    return this.request(name, { ifAvailable: true }, lost)
  }

  async takeOver(name: string, lost: () => void): Promise<void> {
    await this.request(name, { steal: true }, lost)
  }

  release(): void {
    this.held?.()
    this.held = undefined
  }

  private async request(name: string, options: LockOptions, lost: () => void): Promise<boolean> {
    this.release()
    const locks = "locks" in navigator ? navigator.locks : undefined
    if (locks === undefined) return true
    return new Promise((decide) => {
      const whole = locks.request(`a-chat.${name}`, options, (lock) => {
        decide(lock !== null)
        if (lock === null) return undefined
        return new Promise<void>((release) => (this.held = release))
      })
      whole.catch(() => {
        // Another tab has taken the lock.
        this.held = undefined
        lost()
      })
    })
  }
}
