import AdministrationAPI

/// Sessions as a table.
public enum SessionTable {
    /// The titles and a row for each session, each at most so wide; nil for as wide as they are.
    ///
    /// - Parameters:
    ///   - mark: Which one is chosen; nil where none is to be.
    ///   - isOfOneBackend: All have the same, which needs no column.
    public static func lines(
        _ sessions: [SessionRow], columns: Int?, mark: Int? = nil, isOfOneBackend: Bool = false
    ) -> (titles: Line, rows: [Line]) {
        let severalListeners = Set(sessions.map(\.listener)).count > 1
        var table = Table(
            [
                .init(mark == nil ? "ID" : " ID"), .init("AGE", isRight: true, columnsMin: 5),
                .init("IDLE", isRight: true, columnsMin: 5),
                .init("CLIENT", columnsCut: 15),
                .init(isOfOneBackend ? "" : "BACKEND", columnsCut: 8, rank: isOfOneBackend ? 9 : 1),
                .init("UP", isRight: true, columnsMin: 5, rank: 3),
                .init("DOWN", isRight: true, columnsMin: 5, rank: 2),
                .init("STATE"), .init(severalListeners ? "LISTENER" : "", rank: 4),
            ], gap: 1, titleStyle: { _ in .bold })
        for (index, session) in sessions.enumerated() {
            let backend = [session.pool, session.backend].compactMap(\.self).joined(separator: "/")
            table.add([
                Table.Cell((mark == nil ? "" : index == mark ? ">" : " ") + session.id),
                Table.Cell(Figures.age(session.ageSeconds)),
                Table.Cell(Figures.age(session.idleSeconds)), Table.Cell(session.client),
                Table.Cell(isOfOneBackend ? "" : backend.isEmpty ? "-" : backend),
                Table.Cell(Figures.short(session.bytesUp)),
                Table.Cell(Figures.short(session.bytesDown)),
                Table.Cell(state(session), session.stalledBy == nil ? .plain : .of(.yellow)),
                Table.Cell(severalListeners ? session.listener : ""),
            ])
        }
        return table.lines(columns: columns)
    }

    /// `relaying`, or `client stalls 12s`: it does not take what waits for it.
    private static func state(_ session: SessionRow) -> String {
        guard let side = session.stalledBy else { return session.phase }
        let seconds = session.stalledSeconds.map { " \(Figures.age($0))" } ?? ""
        return side == "both" ? "both stall\(seconds)" : "\(side) stalls\(seconds)"
    }
}
