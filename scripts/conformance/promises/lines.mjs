export const lines = []
