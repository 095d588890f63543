export const login = []
