"""Two methods of one class; one is five times the other."""


class Account:
    def __init__(self) -> None:
        self.balance = 0

    def deposit(self, amount: int) -> None:
        self.balance += amount

    def interest(self, rounds: int) -> None:
        for step in range(rounds):
            self.balance = (self.balance * 101 // 100 + step * 3) % 1_000_000_007  # HOT


def main() -> None:
    account = Account()
    for i in range(60_000):
        account.deposit(i)
        account.interest(100)
    print(account.balance)


main()
