import ConnectionPooling
import PostgresDriver

extension PostgresPool {
    /// A pool for `body`, which is closed however that ends.
    static func lend<Result: Sendable>(
        _ url: String, _ limits: PoolLimits, _ body: (PostgresPool) async throws -> Result
    ) async throws -> Result {
        let pool = PostgresPool(url: url, limits: limits)
        do {
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }
}
