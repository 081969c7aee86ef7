/// What the queue has to know of its instance's place among others: until when what it holds is its own.
package struct Tenure: Sendable {
    /// Whether nobody can have taken this instance for dead.
    package var isSure: @Sendable () -> Bool
    /// How often others may have done so.
    package var lapses: @Sendable () -> Int
    /// The time without a beat after which this one may take others for dead; nil while it may not.
    package var patience: @Sendable () -> Duration?

    package init(
        isSure: @escaping @Sendable () -> Bool, lapses: @escaping @Sendable () -> Int,
        patience: @escaping @Sendable () -> Duration?
    ) {
        self.isSure = isSure
        self.lapses = lapses
        self.patience = patience
    }

    /// Of an instance that shares its database with nobody.
    package static let alone = Tenure(isSure: { true }, lapses: { 0 }, patience: { .zero })
}
