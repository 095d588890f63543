import type { Page } from "../model/Page.js"
import { ChatView } from "./ChatView.js"
import { ElsewhereView } from "./ElsewhereView.js"
import { LoginView } from "./LoginView.js"
import type { View } from "./View.js"

/** The whole page. */
export const PageView = ({ page, view }: { readonly page: Page; readonly view: View }) => {
  const stage = page.stage.value
  switch (stage._tag) {
    case "Starting":
      return null
    case "Login":
      return <LoginView page={page} stage={stage} />
    case "Elsewhere":
      return <ElsewhereView page={page} identity={stage.identity} />
    case "Chat":
      return <ChatView page={page} chat={stage.chat} view={view} />
  }
}
